import type { CommandReply, InboxCommand } from '../../store.ts';

/** Answered commands that are kept, so that a sender that is slow to ask still finds its reply. */
const keptReplies = 1_000;

/** Commands for one fleet in the order of their arrival, and what was answered. */
export class CommandInbox {
  readonly #waiting = new Map<string, InboxCommand>();
  readonly #replies = new Map<string, CommandReply>();
  readonly #watchers = new Set<(command: InboxCommand) => void>();

  /** A command that has come before is ignored. */
  send(command: InboxCommand): void {
    if (this.#waiting.has(command.id) || this.#replies.has(command.id)) return;
    this.#waiting.set(command.id, command);
    for (const onCommand of this.#watchers) onCommand(command);
  }

  watch(onCommand: (command: InboxCommand) => void): Disposable {
    // Wrapped, so that the same function may watch twice.
    const watcher = (command: InboxCommand) => onCommand(command);
    this.#watchers.add(watcher);
    for (const command of this.#waiting.values()) watcher(command);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  answer(commandId: string, reply: CommandReply): void {
    if (!this.#waiting.delete(commandId)) return;
    this.#replies.set(commandId, reply);
    for (const id of this.#replies.keys()) {
      if (this.#replies.size <= keptReplies) break;
      this.#replies.delete(id);
    }
  }

  reply(commandId: string): CommandReply | null {
    return this.#replies.get(commandId) ?? null;
  }

  /** Nobody watches any more. */
  unwatch(): void {
    this.#watchers.clear();
  }
}
