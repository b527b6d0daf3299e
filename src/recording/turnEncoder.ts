import { noTaskCounts } from '../../machines/batch.ts';
import { taskStatuses, type TaskStatus } from '../../machines/task.ts';
import type { ObservedTurn, RowStep } from '../journal/turnObserver.ts';
import { batchLifecycle, scheduleLifecycle, taskLifecycle } from '../ledger/lifecycles.ts';
import type { TurnInput } from '../turn/turnInput.ts';
import type { Encoding } from './cells.ts';
import type { StepCells, TurnLine } from './lines.ts';
import { batchEvents, batchFields, taskEvents, taskFields } from './rowCells.ts';
import type { WordWriter } from './words.ts';

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
    const { head, at, commitMs, steps } = turn;
    const encoding: Encoding = { words: this.#words, at };
    const line: TurnLine = [
      'turn',
      head.turn,
      at,
      Math.round(commitMs * 1_000) / 1_000,
      inputCounts(turn.inputs),
      steps.map((step) => this.#encodeStep(step, encoding))
    ];
    if (!this.#isFirst) return line;
    this.#isFirst = false;
    return [...line, countsBefore(turn)] as unknown as TurnLine;
  }

  #encodeStep(step: RowStep, encoding: Encoding): StepCells {
    const { words } = encoding;
    switch (step.kind) {
      case 'task': {
        const { event, before, after } = step;
        const { seq, dueAt } = after.context;
        const cells: unknown[] = [0, seq, event && words.write(event.type), words.write(after.state)];
        if (event !== null) cells.push(taskEvents.get(event.type)!.encode(event, encoding));
        else cells.push(null);
        const isNew = this.#meetTask(step);
        if (dueAt !== null || isNew) cells.push(dueAt === null ? null : dueAt - encoding.at);
        if (isNew) cells.push(before && words.write(before.state));
        if (isNew) cells.push(taskFields.encode((before ?? after).context, encoding));
        return cells as unknown as StepCells;
      }
      case 'batch': {
        const { event, before, after } = step;
        const { id } = after.context;
        const cells: unknown[] = [
          1,
          words.write(id),
          event && words.write(event.type),
          words.write(after.state)
        ];
        if (event !== null) cells.push(batchEvents.get(event.type)!.encode(event, encoding));
        if (meet(this.#seenBatches, id, event === null, batchLifecycle.isFinal(after.state))) {
          if (event === null) cells.push(null);
          cells.push(null, before && words.write(before.state));
          cells.push(batchFields.encode((before ?? after).context, encoding));
        }
        return cells as unknown as StepCells;
      }
      case 'schedule': {
        // Few, and nothing of what they submit is in them.
        const { event, before, after } = step;
        const { id } = after.context;
        const isNew = meet(this.#seenSchedules, id, event === null, scheduleLifecycle.isFinal(after.state));
        return [
          2,
          words.write(id),
          event && words.write(event.type),
          words.write(after.state),
          event,
          after.context.dueAt === null ? null : after.context.dueAt - encoding.at,
          ...(isNew ? [before && words.write(before.state), (before ?? after).context] : [])
        ] as unknown as StepCells;
      }
    }
  }

  /** @returns Whether the recording does not know the task yet. */
  #meetTask({ event, after }: Extract<RowStep, { kind: 'task' }>): boolean {
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
function countsBefore({ head, steps }: ObservedTurn): unknown {
  const before: Record<TaskStatus, number> = { ...noTaskCounts, ...head.stats.counts };
  for (const step of steps) {
    if (step.kind !== 'task') continue;
    before[step.after.state] -= 1;
    if (step.before !== null) before[step.before.state] += 1;
  }
  return taskStatuses.map((status) => before[status]);
}
