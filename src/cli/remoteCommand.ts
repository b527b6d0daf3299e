import type { Json } from '../../machines/task.ts';
import { CommandSender } from '../client/commandSender.ts';
import { systemClock } from '../clock.ts';
import { FleetError, StoreError, TimeoutError } from '../errors.ts';
import { newId } from '../newId.ts';
import type { RemoteCommand } from '../store.ts';
import type { OpenedStore } from './openedStore.ts';
import { print, printable } from './terminal.ts';

/** How long an owner may take to answer. */
const answerMs = 10_000;

/**
 * Leaves a command in a store's inbox and, when a run owns the store, waits for what it answers.
 *
 * @param tell - Says what a reply means.
 * @returns The exit code: 0 unless the command was refused.
 */
export async function sendCommand(
  { store, scope, path }: OpenedStore,
  command: RemoteCommand,
  tell: (value: Json) => string
): Promise<number> {
  const owner = await store.readOwner(scope);
  const sender = new CommandSender({ store, scope, clock: systemClock, newId });
  try {
    const value = await sender.send(command, { timeoutMs: owner === null ? 0 : answerMs });
    await print(`${printable(tell(value))}\n`);
    return value === false ? 1 : 0;
  } catch (error) {
    if (error instanceof TimeoutError) {
      await print(
        owner === null
          ? `No run owns the store: the command waits in it, and the next run with --store ${printable(path)} obeys it.\n`
          : `The command waits in the store: ${printable(owner)} owns it and has not answered within ${answerMs / 1_000} s.\n`
      );
      return 0;
    }
    if (!(error instanceof FleetError) || error instanceof StoreError) throw error;
    await print(`${printable(error.message)}\n`);
    return 1;
  }
}
