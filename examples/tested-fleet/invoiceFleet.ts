import {
  FleetManager,
  type FailedAttempt,
  type FleetManagerOptions,
  type HandlerContext,
  type TaskError
} from 'xstate-fleet';

export interface Invoice {
  readonly cents: number;
}

/** The company that moves the money. It charges once for each `key` of the context, however often it is asked. */
export type Charge = (invoice: Invoice, context: HandlerContext) => Promise<string>;

const hourMs = 3_600_000;

/** Charges invoices. A bank that does not answer is asked again after an hour, then after two, four, eight, sixteen. */
export class InvoiceFleet extends FleetManager<{ charge: Charge }> {
  /** What somebody has to look at: the last error of each invoice that is not tried again, by its key. */
  readonly unpaid = new Map<string, string>();

  constructor(charge: Charge, options: Omit<FleetManagerOptions, 'handlers' | 'coordinator'> = {}) {
    super({
      ...options,
      handlers: { charge },
      config: {
        maxRetries: 5,
        retry: { baseMs: hourMs, factor: 2, maxMs: 16 * hourMs, jitter: 'none' },
        ...options.config
      }
    });
  }

  protected override onTaskError({ key, willRetry }: FailedAttempt, { message }: TaskError): void {
    if (!willRetry) this.unpaid.set(key, message);
  }
}
