import { FleetError } from '../errors.ts';
import type { CommandReply, InboxCommand, RemoteCommand, Store } from '../store.ts';
import { readFields, refuse } from '../validation/validation.ts';

/** What a command from another process may ask for. */
export interface Commandable {
  cancelBatch(batchId: string): Promise<boolean>;
  retryBatch(batchId: string, options: { readonly batchId: string }): Promise<string>;
  cancelTask(key: string): Promise<boolean>;
  retryTask(key: string, options: { readonly id: string }): Promise<string>;
  scaleWorkers(count: number): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
}

/**
 * Carries out what other processes leave in the store's inbox, one after the other, and answers.
 *
 * A crash between carrying out and answering has the command carried out again: all of them are idempotent.
 */
export function obeyInbox(store: Store, scope: string, fleet: Commandable): Disposable {
  let last: Promise<void> = Promise.resolve();
  return store.watchCommands(scope, ({ id, command }: InboxCommand) => {
    last = last.then(async () => {
      const reply = await replyTo(fleet, command);
      // The store may be gone or unavailable: the command then comes again.
      await store.answerCommand(scope, id, reply).catch(() => {});
    });
  });
}

async function replyTo(fleet: Commandable, command: RemoteCommand): Promise<CommandReply> {
  try {
    return { ok: true, value: (await carryOut(fleet, command)) ?? null };
  } catch (error) {
    const code = error instanceof FleetError ? error.code : 'ERR_INTERNAL';
    return { ok: false, code, message: error instanceof Error ? error.message : String(error) };
  }
}

/** The command was written by another process, maybe of another version: nothing of it is taken for granted. */
function carryOut(fleet: Commandable, received: RemoteCommand): Promise<string | boolean | void> {
  const command = readFields('command', received);
  switch (command.type) {
    case 'batch.cancel':
      return fleet.cancelBatch(command.batchId);
    case 'batch.retry':
      return fleet.retryBatch(command.batchId, { batchId: command.newBatchId });
    case 'task.cancel':
      return fleet.cancelTask(command.key);
    case 'task.retry':
      return fleet.retryTask(command.key, { id: command.newKey });
    case 'workers.scale':
      return fleet.scaleWorkers(command.count);
    case 'fleet.pause':
      return fleet.pause();
    case 'fleet.resume':
      return fleet.resume();
    default:
      return refuse('command.type', (command as { type: unknown }).type, 'a command that this version knows');
  }
}
