import { kindOf, openStore, type OpenedStore, type StoreOptions } from './openedStore.ts';
import { sendCommand } from './remoteCommand.ts';
import { print, printable } from './terminal.ts';

/** `cancel`: asks for the end of a batch or a task. @param name - A batch's id or a task's key. */
export async function cancel(name: string, options: StoreOptions): Promise<number> {
  await using opened = await openStore(options);
  const kind = await kindOf(name, opened);
  const isSettled = `The ${kind} ${name} has settled already.`;
  // What has settled stays so: no run need be asked.
  if (await hasSettled(kind, name, opened)) {
    await print(`${printable(isSettled)}\n`);
    return 1;
  }
  return await sendCommand(
    opened,
    kind === 'batch' ? { type: 'batch.cancel', batchId: name } : { type: 'task.cancel', key: name },
    (isCancelled) => (isCancelled ? `Cancelled ${kind} ${name}.` : isSettled)
  );
}

async function hasSettled(kind: 'batch' | 'task', name: string, opened: OpenedStore): Promise<boolean> {
  const { store, scope, reader } = opened;
  if (kind === 'task') return (await store.readResult(scope, name)) !== null;
  return (await reader.getBatchStatus(name)).settledAt !== undefined;
}
