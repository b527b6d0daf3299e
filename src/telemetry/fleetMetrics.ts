import { liveBatchStates, type FinalBatchState } from '../../machines/batch.ts';
import { liveTaskStatuses, type FinalTaskStatus } from '../../machines/task.ts';
import type { ObservedFleet } from '../fleetTelemetry.ts';
import type { ObservedTurn, RowStep, TurnObserver } from '../journal/turnObserver.ts';
import { attemptOutcomeOf } from './attemptOutcome.ts';
import type { Distribution } from './distribution.ts';
import type { MetricId } from './metricDefinitions.ts';
import { FiguresByType, type MakeDistribution } from './typeFigures.ts';

/** Tasks whose wait is measured from another time than their submission, at once. Beyond, it is not measured. */
const maxReadyTimes = 100_000;

export type Labels = Readonly<Record<string, string>>;

/** One value of a metric, with its labels but `fleet`. */
export interface Sample {
  readonly metric: MetricId;
  readonly labels: Labels;
  readonly value: number | Distribution;
}

/**
 * What is counted of one fleet in this process, from its rows' steps; and what it counts itself, read when it is asked for.
 *
 * Counters begin at 0 with the process, as counters do; `lateOutcomes` is the fleet's own, which is durable.
 */
export class FleetMetrics implements TurnObserver {
  readonly #fleet: ObservedFleet;
  readonly #types: FiguresByType;
  readonly #commits: Distribution;
  readonly #turnSizes: Distribution;
  readonly #settledBatches = new Map<FinalBatchState, number>();
  /** Since when tasks are queued that were blocked, scheduled or attempted before, epoch ms, by their number. */
  readonly #readyAt = new Map<number, number>();
  #lostWorkers = 0;
  #unavailableMs = 0;
  /** Monotonic; `null`: the store is available. */
  #unavailableSince: number | null = null;
  /** From the last time that the fleet ran. */
  #lateOutcomes = 0;

  constructor(fleet: ObservedFleet, make: MakeDistribution) {
    this.#fleet = fleet;
    this.#types = new FiguresByType(make);
    this.#commits = make('commit', {});
    this.#turnSizes = make('turnSize', {});
  }

  /** Begins to follow the fleet, until it is disposed of. */
  observe(): Disposable {
    const { observers, clock } = this.#fleet;
    const subscriptions = [
      observers.add(this),
      this.#fleet.on('worker.lost', () => void (this.#lostWorkers += 1)),
      this.#fleet.on('store.unavailable', () => void (this.#unavailableSince ??= clock.monotonic())),
      this.#fleet.on('store.recovered', () => this.storeRecovered())
    ];
    return {
      [Symbol.dispose]: () => {
        for (const subscription of subscriptions) subscription[Symbol.dispose]();
      }
    };
  }

  /** The store is back, or nobody waits for it any more. */
  storeRecovered(): void {
    if (this.#unavailableSince === null) return;
    this.#unavailableMs += this.#fleet.clock.monotonic() - this.#unavailableSince;
    this.#unavailableSince = null;
  }

  turnCommitted({ steps, commitMs, at }: ObservedTurn): void {
    this.#commits.observe(commitMs / 1_000);
    this.#turnSizes.observe(steps.length);
    for (const step of steps) {
      if (step.kind === 'task') this.#followTask(step, at);
      else if (step.kind === 'batch' && step.after.context.settledAt !== null) {
        const state = step.after.state as FinalBatchState;
        this.#settledBatches.set(state, (this.#settledBatches.get(state) ?? 0) + 1);
      }
    }
  }

  /** Everything as it is now. Of a fleet that does not run, what was counted. */
  *collect(): Generator<Sample, void, undefined> {
    for (const figures of this.#types) {
      const { type } = figures;
      yield { metric: 'submitted', labels: { type }, value: figures.submitted };
      yield { metric: 'started', labels: { type }, value: figures.started };
      yield { metric: 'retries', labels: { type }, value: figures.retries };
      yield { metric: 'recoveries', labels: { type }, value: figures.recoveries };
      yield { metric: 'wait', labels: { type }, value: figures.wait };
      for (const [outcome, { ended, run }] of figures.runs) {
        yield { metric: 'ended', labels: { type, outcome }, value: ended };
        yield { metric: 'run', labels: { type, outcome }, value: run };
      }
      for (const [status, durations] of figures.settled) {
        yield { metric: 'settled', labels: { type, status }, value: durations.count };
        yield { metric: 'endToEnd', labels: { type, status }, value: durations };
      }
    }
    for (const [status, value] of this.#settledBatches) {
      yield { metric: 'batchesSettled', labels: { status }, value };
    }
    yield { metric: 'lostWorkers', labels: {}, value: this.#lostWorkers };
    yield { metric: 'storeUnavailable', labels: {}, value: this.#unavailableSeconds };
    yield { metric: 'commit', labels: {}, value: this.#commits };
    yield { metric: 'turnSize', labels: {}, value: this.#turnSizes };
    yield { metric: 'ready', labels: {}, value: this.#fleet.health().isReady ? 1 : 0 };
    yield* this.#read();
    yield { metric: 'lateOutcomes', labels: {}, value: this.#lateOutcomes };
  }

  *#read(): Generator<Sample, void, undefined> {
    const reading = this.#fleet.read();
    if (reading === null) return;
    this.#lateOutcomes = reading.stats.lateOutcomes;
    for (const state of liveTaskStatuses)
      yield { metric: 'tasks', labels: { state }, value: reading.tasks[state] };
    for (const [type, value] of this.#depths(reading.queued)) {
      yield { metric: 'queueDepth', labels: { type }, value };
    }
    for (const [state, value] of Object.entries(reading.workers)) {
      yield { metric: 'workers', labels: { state }, value };
    }
    for (const state of liveBatchStates) {
      yield { metric: 'batches', labels: { state }, value: reading.batches.get(state) ?? 0 };
    }
    yield { metric: 'stuck', labels: {}, value: reading.stuck };
  }

  /** Of every type that was ever seen: an empty queue is 0, and not nothing. */
  #depths(queued: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
    const depths = new Map<string, number>();
    for (const [type, count] of queued) {
      const label = this.#types.labelOf(type);
      depths.set(label, (depths.get(label) ?? 0) + count);
    }
    for (const { type } of this.#types) if (!depths.has(type)) depths.set(type, 0);
    return depths;
  }

  get #unavailableSeconds(): number {
    const since = this.#unavailableSince;
    const ongoing = since === null ? 0 : this.#fleet.clock.monotonic() - since;
    return (this.#unavailableMs + ongoing) / 1_000;
  }

  #followTask({ event, before, after }: Extract<RowStep, { kind: 'task' }>, at: number): void {
    const { context } = after;
    const figures = this.#types.of(context.type);
    if (event === null || before === null) {
      figures.submitted += 1;
      return;
    }
    if (event.type === 'attempt.started') {
      figures.started += 1;
      const readyAt = this.#takeReadyAt(context.seq, context.attempt === 1 ? context.createdAt : null);
      if (readyAt !== null) figures.wait.observe((at - readyAt) / 1_000);
      return;
    }
    const outcome = attemptOutcomeOf(event.type, before.state);
    if (outcome !== null) {
      const { startedAt } = before.context;
      figures.end(outcome, startedAt === null ? null : (at - startedAt) / 1_000);
      if (after.state === 'backingOff') figures.retries += 1;
      if (outcome === 'lost' && after.state === 'queued') figures.recoveries += 1;
    }
    if (after.state === 'queued' && before.state !== 'queued') this.#keepReadyAt(context.seq, at);
    if (context.settledAt === null) return;
    this.#takeReadyAt(context.seq, null);
    figures.settle(after.state as FinalTaskStatus, (at - context.createdAt) / 1_000);
  }

  #keepReadyAt(seq: number, at: number): void {
    if (this.#readyAt.size < maxReadyTimes) this.#readyAt.set(seq, at);
  }

  /** @param otherwise - What is known where nothing was kept. */
  #takeReadyAt(seq: number, otherwise: number | null): number | null {
    if (this.#readyAt.size === 0) return otherwise;
    const at = this.#readyAt.get(seq);
    if (at === undefined) return otherwise;
    this.#readyAt.delete(seq);
    return at;
  }
}
