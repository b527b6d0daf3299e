import { kindOf, openStore, type OpenedStore, type StoreOptions } from './openedStore.ts';
import { sendCommand } from './remoteCommand.ts';
import { copyName } from './retries.ts';
import { print, printable } from './terminal.ts';
import type { RemoteCommand } from '../store.ts';

/** `retry`: asks for another run of what did not complete. @param name - A batch's id or a task's key. */
export async function retry(name: string, options: StoreOptions): Promise<number> {
  await using opened = await openStore(options);
  const kind = await kindOf(name, opened);
  const refusal = kind === 'batch' ? await refusalOfBatch(name, opened) : await refusalOfTask(name, opened);
  if (refusal !== null) {
    await print(`${printable(refusal)}\n`);
    return 1;
  }
  const copy = await freeName(name, opened);
  const command: RemoteCommand =
    kind === 'batch'
      ? { type: 'batch.retry', batchId: name, newBatchId: copy }
      : { type: 'task.retry', key: name, newKey: copy };
  return await sendCommand(opened, command, () => `Retrying ${kind} ${name} as ${kind} ${copy}.`);
}

async function refusalOfBatch(id: string, { reader }: OpenedStore): Promise<string | null> {
  const { status, settledAt, totalTasks, completedTasks } = await reader.getBatchStatus(id);
  if (settledAt === undefined) return `Batch ${id} is ${status}; it can be retried when it has settled.`;
  return completedTasks === totalTasks
    ? `All tasks of batch ${id} completed; there is nothing to retry.`
    : null;
}

async function refusalOfTask(key: string, { store, scope, reader }: OpenedStore): Promise<string | null> {
  const result = await store.readResult(scope, key);
  if (result === null) {
    return `Task ${key} is ${(await reader.getTask(key)).status}; it can be retried when it has settled.`;
  }
  return result.success ? `Task ${key} completed; there is nothing to retry.` : null;
}

/** The first name for a copy that is not taken. The same command twice makes one copy. */
async function freeName(name: string, { store, scope, reader }: OpenedStore): Promise<string> {
  for (let number = 1; ; number++) {
    const candidate = copyName(name, number);
    const isTaken = (await store.readBatch(scope, candidate)) !== null || (await reader.hasTask(candidate));
    if (!isTaken) return candidate;
  }
}
