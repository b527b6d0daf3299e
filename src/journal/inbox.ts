import type { Turn } from '../turn/turn.ts';
import type { TurnInput } from '../turn/turnInput.ts';

/** What has come in since the last turn, in order. */
export class Inbox {
  #inputs: TurnInput[] = [];
  /** Submissions that found no room in the queue, or whose batch's id was not free yet. */
  #deferred: readonly TurnInput[] = [];

  push(input: TurnInput): void {
    this.#inputs.push(input);
  }

  /** Puts back what a turn that was not committed had taken. */
  putBack(inputs: readonly TurnInput[]): void {
    this.#inputs = [...inputs, ...this.#inputs];
  }

  /** Keeps submissions for the next turn; they do not call for one. */
  defer(inputs: readonly TurnInput[]): void {
    this.#deferred = inputs;
  }

  get isEmpty(): boolean {
    return this.#inputs.length === 0;
  }

  /** Whether a submission that found no room may find some after this turn. */
  isWorthRetrying(turn: Turn): boolean {
    return this.#deferred.length > 0 && (turn.hasMadeRoom || turn.started.length > 0);
  }

  /** The inputs of a turn: what was deferred, then as many as make up the rows that it may step. */
  take(maxRows: number): readonly TurnInput[] {
    const deferred = this.#deferred;
    this.#deferred = [];
    let rows = 0;
    let count = 0;
    while (count < this.#inputs.length && rows < maxRows) rows += rowsOf(this.#inputs[count++]!);
    const taken = this.#inputs.splice(0, count);
    return deferred.length === 0 ? taken : [...deferred, ...taken];
  }
}

function rowsOf(input: TurnInput): number {
  return input.type === 'command' && input.command.type === 'batch.submit'
    ? input.command.tasks.length + 1
    : 1;
}
