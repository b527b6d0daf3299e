import { noTaskCounts } from '../../machines/batch.ts';
import { taskStatuses, type TaskStatus } from '../../machines/task.ts';
import type { ObservedTurn, RowStep } from '../journal/turnObserver.ts';
import { batchLifecycle, scheduleLifecycle, taskLifecycle } from '../ledger/lifecycles.ts';
import type { TurnInput } from '../turn/turnInput.ts';
import type { Encoding } from './cells.ts';
import type { StepCells, TurnLine } from './lines.ts';
import { batchEvents, batchFields, taskEvents, taskFields } from './rowCells.ts';
import type { WordWriter } from './words.ts';

type StepOf<TKind extends RowStep['kind']> = Extract<RowStep, { readonly kind: TKind }>;

/** Makes lines of turns. What it remembers is which live rows the recording has met. */
export class TurnEncoder {
  readonly #words: WordWriter;
  /** Tasks from this number on were made in this session; of those before, which ones were seen. */
  #firstNewSeq = Infinity;
  readonly #seenSeqs = new Set<number>();
  readonly #seenBatches = new Set<string>();
  readonly #seenSchedules = new Set<string>();
  #isFirst = true;

  constructor(words: WordWriter) {
    this.#words = words;
  }

  encode(turn: ObservedTurn): TurnLine {
    const { head, at, commitMs } = turn;
    const encoding: Encoding = { words: this.#words, at };
    const ms = Math.round(commitMs * 1_000) / 1_000;
    const steps = turn.steps.map((step) => this.#encodeStep(step, encoding));
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    const inputs = inputCounts(turn.inputs);
    if (!isFirst) return ['turn', head.turn, at, ms, inputs, steps];
    return ['turn', head.turn, at, ms, inputs, steps, countsBefore(turn)];
  }

  #encodeStep(step: RowStep, encoding: Encoding): StepCells {
    switch (step.kind) {
      case 'task':
        return this.#encodeTaskStep(step, encoding);
      case 'batch':
        return this.#encodeBatchStep(step, encoding);
      case 'schedule':
        return this.#encodeScheduleStep(step, encoding);
    }
  }

  // In each, words are written in the order in which they are read: that of the line.

  #encodeTaskStep(step: StepOf<'task'>, encoding: Encoding): StepCells {
    const { words } = encoding;
    const { event, before, after } = step;
    const { seq, dueAt } = after.context;
    const type = event && words.write(event.type);
    const to = words.write(after.state);
    const fields = event && taskEvents.get(event.type)!.encode(event, encoding);
    const due = dueAt === null ? null : dueAt - encoding.at;
    if (!this.#meetTask(step)) {
      return due === null ? [0, seq, type, to, fields] : [0, seq, type, to, fields, due];
    }
    const from = before && words.write(before.state);
    return [0, seq, type, to, fields, due, from, taskFields.encode((before ?? after).context, encoding)];
  }

  #encodeBatchStep({ event, before, after }: StepOf<'batch'>, encoding: Encoding): StepCells {
    const { words } = encoding;
    const { id } = after.context;
    const subject = words.write(id);
    const type = event && words.write(event.type);
    const to = words.write(after.state);
    const fields = event && batchEvents.get(event.type)!.encode(event, encoding);
    const isFinal = batchLifecycle.isFinal(after.state);
    if (!meet(this.#seenBatches, id, event === null, isFinal)) return [1, subject, type, to, fields];
    const from = before && words.write(before.state);
    return [
      1,
      subject,
      type,
      to,
      fields,
      null,
      from,
      batchFields.encode((before ?? after).context, encoding)
    ];
  }

  /** There are few, and nothing of what they submit is in their rows: these are written as they are. */
  #encodeScheduleStep({ event, before, after }: StepOf<'schedule'>, { words, at }: Encoding): StepCells {
    const { id, dueAt } = after.context;
    const subject = words.write(id);
    const type = event && words.write(event.type);
    const to = words.write(after.state);
    const due = dueAt === null ? null : dueAt - at;
    const isFinal = scheduleLifecycle.isFinal(after.state);
    if (!meet(this.#seenSchedules, id, event === null, isFinal)) return [2, subject, type, to, event, due];
    const from = before && words.write(before.state);
    return [2, subject, type, to, event, due, from, (before ?? after).context];
  }

  /** @returns Whether the recording does not know the task yet. */
  #meetTask({ event, after }: StepOf<'task'>): boolean {
    const { seq } = after.context;
    if (event === null) {
      this.#firstNewSeq = Math.min(this.#firstNewSeq, seq);
      return true;
    }
    if (seq >= this.#firstNewSeq) return false;
    return meet(this.#seenSeqs, seq, false, taskLifecycle.isFinal(after.state));
  }
}

/** @returns Whether it was not seen before. What is final is not seen again, and is not kept. */
function meet<TId>(seen: Set<TId>, id: TId, isMade: boolean, isFinal: boolean): boolean {
  const isNew = isMade || !seen.has(id);
  if (isFinal) seen.delete(id);
  else if (isNew) seen.add(id);
  return isNew;
}

/** Of commands their own type, and nothing of what they carry. */
function inputCounts(inputs: readonly TurnInput[]): Record<string, number> {
  const counted: Record<string, number> = {};
  for (const input of inputs) {
    const type = input.type === 'command' ? input.command.type : input.type;
    counted[type] = (counted[type] ?? 0) + 1;
  }
  return counted;
}

/** The totals that the turn left behind, with its own steps taken back. */
function countsBefore({ head, steps }: ObservedTurn): number[] {
  const before: Record<TaskStatus, number> = { ...noTaskCounts, ...head.stats.counts };
  for (const step of steps) {
    if (step.kind !== 'task') continue;
    before[step.after.state] -= 1;
    if (step.before !== null) before[step.before.state] += 1;
  }
  return taskStatuses.map((status) => before[status]);
}
