import type { Clock } from './clock.ts';
import type { Attempt } from './executor.ts';
import type { FactOf } from './fleet/fleetEvents.ts';
import type { FleetHealth } from './fleet/fleetHealth.ts';
import type { FleetReading } from './fleet/fleetReading.ts';
import type { TurnObservers } from './journal/turnObserver.ts';
import type { FleetFact } from '../machines/fleetFact.ts';

/** Port: who measures and traces fleets. `createTelemetry` of `xstate-fleet/telemetry` makes one. */
export interface FleetTelemetry {
  /** Begins to follow a fleet; one of the same name, which ran before, is followed no more. */
  attach(fleet: ObservedFleet): FleetInstruments;
  /**
   * What traces the submissions to a fleet that another process runs; `null`: nothing does.
   *
   * @param fleet - Its name.
   */
  tracesTo(fleet: string, clock: Clock): SubmissionTraces | null;
  /** What Prometheus reads; `null`: it is not measured for Prometheus. */
  metrics(): Promise<MetricsPage | null>;
}

/** A page of metrics, in a format that Prometheus reads. */
export interface MetricsPage {
  readonly contentType: string;
  readonly text: string;
}

/** A fleet as its telemetry sees it, from its making on, whether it runs or not. */
export interface ObservedFleet {
  readonly name: string;
  readonly clock: Clock;
  readonly observers: TurnObservers;
  on<TType extends FleetFact['type']>(type: TType, listener: (fact: FactOf<TType>) => void): Disposable;
  /** What is counted at this moment; `null`: it does not run. */
  read(): FleetReading | null;
  health(): FleetHealth;
  /** The trace of what submitted a task that has not settled, from memory or the store. */
  traceparentOf(task: { readonly seq: number; readonly batchId: string | null }): Promise<string | undefined>;
}

/** What follows one fleet. */
export interface FleetInstruments {
  /** `null`: it is not traced. */
  readonly traces: FleetTraces | null;
  /** The fleet begins to start. */
  starting(): void;
  /** It has stopped, or could not start. It may start again. */
  ended(): void;
}

/** The spans of submissions. Nothing here throws. */
export interface SubmissionTraces {
  /** Begins the span of a submission, as part of what its caller traces. */
  submit(submitted: Submitted): SubmissionSpan;
}

/** The spans of a fleet. Nothing here throws. */
export interface FleetTraces extends SubmissionTraces {
  /**
   * Begins the span of each attempt.
   *
   * @param attempts - Their `traceparent` is that of what submitted them.
   * @returns The same, with the `traceparent` of their own spans.
   */
  begin(attempts: readonly Attempt[]): readonly Attempt[];
}

/** What is submitted: a batch, or one task of a type. */
export type Submitted =
  { readonly kind: 'batch'; readonly batchId: string } | { readonly kind: 'task'; readonly type: string };

export interface SubmissionSpan {
  /** What the attempts belong to; `undefined`: nothing collects spans. */
  readonly traceparent: string | undefined;
  /** @param submitted - What is known by then: the key of the task, how many tasks there were, why it was refused. */
  end(submitted: { readonly key?: string; readonly tasks?: number; readonly error?: unknown }): void;
}
