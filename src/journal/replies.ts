import type { Reply } from '../turn/turn.ts';

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** Callers that wait for what became of their command. */
export class Replies {
  readonly #pending = new Map<string, Pending>();
  #last = 0;

  /** A fresh command id and the reply to it. */
  expect<TValue>(): { commandId: string; reply: Promise<TValue> } {
    const commandId = `command-${++this.#last}`;
    const reply = new Promise<TValue>((resolve, reject) => this.#pending.set(commandId, { resolve, reject }));
    return { commandId, reply };
  }

  settle({ commandId, value, error }: Reply): void {
    const pending = this.#pending.get(commandId);
    if (pending === undefined) return;
    this.#pending.delete(commandId);
    if (error) pending.reject(error);
    else pending.resolve(value as never);
  }

  /** Answers everybody who still waits: no reply will come. */
  rejectAll(error: Error): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
