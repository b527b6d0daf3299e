import { v7 as uuid } from 'uuid';
import type { CommandReply, InboxCommand, RemoteCommand, Store } from '../store.ts';

/**
 * Listens to the commands that a run obeys for other processes: what is submitted and retried adds to what the run has to
 * finish.
 */
export class InboxWork {
  /** The store, listened to. */
  readonly store: Store;
  /** Batches that were submitted whole, and those that were retried, by their new ids. */
  readonly batches = new Set<string>();
  /** Single tasks that were submitted, and those that were retried, by their new keys. */
  readonly tasks = new Set<string>();

  readonly #onAnswer: (command: RemoteCommand, reply: CommandReply) => void;
  readonly #commands = new Map<string, RemoteCommand>();
  readonly #awaited = new Map<string, () => void>();

  /** @param onAnswer - Told of each command of another process, once it is answered. */
  constructor(store: Store, onAnswer: (command: RemoteCommand, reply: CommandReply) => void) {
    this.#onAnswer = onAnswer;
    this.store = {
      ...store,
      watchCommands: (scope, onCommand) =>
        store.watchCommands(scope, (received) => {
          this.#commands.set(received.id, received.command);
          onCommand(received);
        }),
      answerCommand: async (scope, id, reply) => {
        // It was carried out, whether or not the answer can be written.
        this.#take(id, reply);
        await store.answerCommand(scope, id, reply);
      }
    };
  }

  /**
   * Resolves when all that was in the inbox has been obeyed: commands are, in their order, so one that changes
   * nothing is sent after them.
   */
  async obeyed(scope: string): Promise<void> {
    const nothing: InboxCommand = {
      id: uuid(),
      command: { type: 'batch.cancel', batchId: uuid() },
      sentAt: Date.now()
    };
    const isAnswered = new Promise<void>((resolve) => this.#awaited.set(nothing.id, resolve));
    await this.store.sendCommand(scope, nothing);
    await isAnswered;
  }

  #take(id: string, reply: CommandReply): void {
    const isAwaited = this.#awaited.get(id);
    if (isAwaited) return isAwaited();
    const command = this.#commands.get(id);
    this.#commands.delete(id);
    if (command === undefined) return;
    if (reply.ok && command.type === 'batch.submit' && command.seal) this.batches.add(command.batchId);
    if (reply.ok && command.type === 'task.submit') this.tasks.add(reply.value as string);
    if (reply.ok && command.type === 'batch.retry') this.batches.add(command.newBatchId);
    if (reply.ok && command.type === 'task.retry') this.tasks.add(command.newKey);
    this.#onAnswer(command, reply);
  }
}
