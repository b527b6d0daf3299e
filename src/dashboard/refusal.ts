import {
  ConflictError,
  FleetError,
  NotFoundError,
  NotRunningError,
  QueueFullError,
  TimeoutError,
  ValidationError
} from '../errors.ts';

/** A request that is not carried out, as its sender is told. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }

  get body(): string {
    return JSON.stringify({ error: { code: this.code, message: this.message } });
  }
}

/** The statuses of errors that are about what was asked. Messages of others may name files. */
const statuses: readonly (readonly [error: new (...args: never) => FleetError, status: number])[] = [
  [ValidationError, 400],
  [NotFoundError, 404],
  [ConflictError, 409],
  [NotRunningError, 409],
  [TimeoutError, 409],
  [QueueFullError, 429]
];

/** What the sender is told of an error, and whether it is news to whoever runs the fleet. */
export function refusalOf(error: unknown): { readonly refusal: Refusal; readonly isDefect: boolean } {
  if (error instanceof Refusal) return { refusal: error, isDefect: false };
  if (error instanceof FleetError) {
    const status = statuses.find(([type]) => error instanceof type)?.[1];
    if (status !== undefined) {
      return { refusal: new Refusal(status, error.code, error.message), isDefect: false };
    }
    return { refusal: new Refusal(503, error.code, 'The store cannot be used now'), isDefect: true };
  }
  return { refusal: new Refusal(500, 'ERR_INTERNAL', 'This should not happen'), isDefect: true };
}
