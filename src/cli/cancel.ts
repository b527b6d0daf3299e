import { kindOf, openStore, type StoreOptions } from './openedStore.ts';
import { sendCommand } from './remoteCommand.ts';

/** `cancel`: asks for the end of a batch or a task. @param name - A batch's id or a task's key. */
export async function cancel(name: string, options: StoreOptions): Promise<number> {
  await using opened = await openStore(options);
  const kind = await kindOf(name, opened);
  return await sendCommand(
    opened,
    kind === 'batch' ? { type: 'batch.cancel', batchId: name } : { type: 'task.cancel', key: name },
    (isCancelled) => (isCancelled ? `Cancelled ${kind} ${name}.` : `The ${kind} ${name} has settled already.`)
  );
}
