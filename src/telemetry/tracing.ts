import type * as otelApi from '@opentelemetry/api';
import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api';
import type { FinalBatchState } from '../../machines/batch.ts';
import type { TaskContext } from '../../machines/taskMachine.ts';
import type { Attempt } from '../executor.ts';
import { contextOf, keepSpan } from '../executors/attemptTrace.ts';
import type { FleetTraces, ObservedFleet, SubmissionSpan, Submitted } from '../fleetTelemetry.ts';
import type { ObservedTurn, RowStep, TurnObserver } from '../journal/turnObserver.ts';
import type { BatchRow, TaskRow } from '../store.ts';
import { taskIdOf } from '../submission/taskKey.ts';
import { attemptOutcomeOf, type AttemptOutcome } from './attemptOutcome.ts';
import { commonAttributes, failSpan, reportTracer, traceparentOf } from './spanFields.ts';
import { SubmissionTracing } from './submissionTracing.ts';

type Api = typeof otelApi;
type TaskStep = Extract<RowStep, { kind: 'task' }>;

/** Spans of attempts that are open at once. Beyond, an attempt has none, and what it begins belongs to its submission. */
const maxOpen = 10_000;

interface OpenSpan {
  readonly attempt: number;
  readonly span: Span;
}

export interface FleetTracingOptions {
  readonly api: Api;
  readonly tracer: Tracer;
  readonly fleet: ObservedFleet;
}

/**
 * The spans of a fleet: of each submission, of each attempt and of each batch, in the trace of who submitted.
 *
 * An attempt's span begins when it is dispatched, and ends with the commit of its outcome. One that a process before
 * this one began is made when its end is known, of the times in its task's row. Where the submission is not sampled,
 * no span of it is made.
 */
export class FleetTracing implements FleetTraces, TurnObserver {
  readonly #api: Api;
  readonly #tracer: Tracer;
  readonly #fleet: ObservedFleet;
  /** By the number of the task. */
  readonly #open = new Map<number, OpenSpan>();
  /** Epoch ms: attempts from before were begun by another process, or by an earlier run. */
  #startedAt: number;
  readonly #submissions: SubmissionTracing;

  constructor({ api, tracer, fleet }: FleetTracingOptions) {
    this.#submissions = new SubmissionTracing({ api, tracer, fleet: fleet.name, clock: fleet.clock });
    this.#api = api;
    this.#tracer = tracer;
    this.#fleet = fleet;
    this.#startedAt = fleet.clock.now();
  }

  starting(): void {
    this.#startedAt = this.#fleet.clock.now();
  }

  /** Nothing more is heard of what is open: its attempts may go on elsewhere. */
  ended(): void {
    for (const { span } of this.#open.values()) this.#end(span, 'unknown', this.#fleet.clock.now());
    this.#open.clear();
  }

  submit(submitted: Submitted): SubmissionSpan {
    return this.#submissions.submit(submitted);
  }

  begin(attempts: readonly Attempt[]): readonly Attempt[] {
    let traced: Attempt[] | null = null;
    for (let index = 0; index < attempts.length; index++) {
      const attempt = attempts[index]!;
      const own = this.#beginSafely(attempt);
      if (own === attempt) continue;
      traced ??= [...attempts];
      traced[index] = own;
    }
    return traced ?? attempts;
  }

  turnCommitted(turn: ObservedTurn): void {
    for (const step of turn.steps) {
      if (step.kind === 'task') this.#followTask(step, turn);
      else if (step.kind === 'batch') this.#followBatch(step.after);
    }
  }

  /** A tracer that throws keeps no attempt from running. */
  #beginSafely(attempt: Attempt): Attempt {
    try {
      return this.#begin(attempt);
    } catch (error) {
      reportTracer(this.#api, error);
      return attempt;
    }
  }

  /** @returns The attempt itself where it gets no span. */
  #begin(attempt: Attempt): Attempt {
    const { traceparent, seq, type, key, batchId, workerId } = attempt;
    const parent = traceparent === undefined ? null : contextOf(this.#api, traceparent);
    if (parent !== null && !this.#isSampled(parent)) return attempt;
    if (this.#open.size >= maxOpen) return attempt;
    const context = parent ?? this.#api.ROOT_CONTEXT;
    const attributes = this.#attributesOf({ key, batchId, type, workerId, attempt: attempt.attempt });
    const span = this.#startAttempt(type, attributes, this.#fleet.clock.now(), context);
    const own = traceparentOf(this.#api, span.spanContext());
    if (own === undefined) return attempt;
    const traced = { ...attempt, traceparent: own };
    keepSpan(traced, this.#api.trace.setSpan(context, span));
    if (span.isRecording()) this.#open.set(seq, { attempt: attempt.attempt, span });
    return traced;
  }

  #followTask(step: TaskStep, turn: ObservedTurn): void {
    const { event, before, after } = step;
    if (event === null || before === null) return;
    const outcome = attemptOutcomeOf(event.type, before.state);
    if (outcome === null) return;
    const { seq, attempt } = before.context;
    const open = this.#open.get(seq);
    if (open?.attempt === attempt) {
      this.#open.delete(seq);
      this.#endAttempt(open.span, outcome, after, turn.at);
    } else if (before.context.startedAt !== null && before.context.startedAt <= this.#startedAt) {
      void this.#recordEarlier(before.context, outcome, after, turn);
    }
  }

  /** The span of an attempt that was begun before this process, or this run of it. */
  async #recordEarlier(
    context: TaskContext,
    outcome: AttemptOutcome,
    after: TaskRow,
    turn: ObservedTurn
  ): Promise<void> {
    const { batchId, startedAt, type } = context;
    try {
      // Its batch may have settled with it, and be no more among the live ones.
      const traceparent =
        batchOf(turn.steps, batchId)?.context.traceparent ?? (await this.#fleet.traceparentOf(context));
      const parent = traceparent === undefined ? null : contextOf(this.#api, traceparent);
      if (parent === null || !this.#isSampled(parent)) return;
      const span = this.#startAttempt(type, this.#attributesOf(context), startedAt!, parent);
      this.#endAttempt(span, outcome, after, turn.at);
    } catch {
      // The store cannot say whose it is: there is no trace to put it in.
    }
  }

  #startAttempt(type: string, attributes: Attributes, startTime: number, parent: Context): Span {
    const { CONSUMER } = this.#api.SpanKind;
    return this.#tracer.startSpan(`process ${type}`, { kind: CONSUMER, startTime, attributes }, parent);
  }

  #endAttempt(span: Span, outcome: AttemptOutcome, { state, context }: TaskRow, at: number): void {
    span.setAttribute('xstate_fleet.task.state', state);
    if (context.dueAt !== null) span.setAttribute('xstate_fleet.retry.delay_ms', context.dueAt - at);
    const isFailure = outcome === 'failed' || outcome === 'timedOut' || outcome === 'lost';
    if (isFailure && context.error !== null)
      failSpan(this.#api, span, context.error, this.#fleet.clock.now());
    this.#end(span, outcome, at);
  }

  #end(span: Span, outcome: AttemptOutcome | 'unknown', at: number): void {
    span.setAttribute('xstate_fleet.outcome', outcome);
    span.end(at);
  }

  /** What became of a batch, from its first task to the end of its last one. */
  #followBatch({ state, context }: BatchRow): void {
    const { id, traceparent, createdAt, settledAt, totalTasks, counts } = context;
    if (settledAt === null || traceparent === undefined) return;
    const parent = contextOf(this.#api, traceparent);
    if (parent === null || !this.#isSampled(parent)) return;
    const status: FinalBatchState = state as FinalBatchState;
    const span = this.#tracer.startSpan(
      'settle batch',
      {
        kind: this.#api.SpanKind.INTERNAL,
        startTime: createdAt,
        attributes: {
          'xstate_fleet.fleet': this.#fleet.name,
          'messaging.message.conversation_id': id,
          'messaging.batch.message_count': totalTasks,
          'xstate_fleet.outcome': status,
          'xstate_fleet.tasks.completed': counts.completed,
          'xstate_fleet.tasks.failed': counts.failed + counts.timedOut,
          'xstate_fleet.tasks.cancelled': counts.cancelled
        }
      },
      parent
    );
    if (status === 'failed' || status === 'partial') {
      span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message: `The batch is ${status}` });
    }
    span.end(settledAt);
  }

  #attributesOf(task: Pick<TaskContext, 'key' | 'batchId' | 'type' | 'workerId' | 'attempt'>): Attributes {
    return {
      ...commonAttributes('process', this.#fleet.name),
      'messaging.destination.name': task.type,
      'messaging.message.id': task.key,
      ...(task.batchId !== null && { 'messaging.message.conversation_id': task.batchId }),
      ...(task.workerId !== null && { 'xstate_fleet.worker.id': task.workerId }),
      'xstate_fleet.task.id': taskIdOf(task.key, task.batchId),
      'xstate_fleet.attempt': task.attempt
    };
  }

  #isSampled(context: Context): boolean {
    const { traceFlags = 0 } = this.#api.trace.getSpanContext(context) ?? {};
    return (traceFlags & this.#api.TraceFlags.SAMPLED) !== 0;
  }
}

function batchOf(steps: readonly RowStep[], batchId: string | null): BatchRow | undefined {
  const step = steps.find(({ kind, after }) => kind === 'batch' && after.context.id === batchId);
  return step?.after as BatchRow | undefined;
}
