import type { BatchStatus } from '../../machines/batch.ts';
import { connectFleet } from '../connectFleet.ts';
import { asItIs } from '../submission/schema.ts';
import { assertId, assertIdWithoutSlash } from '../validation/validation.ts';
import { interrupted, Interrupts } from './interrupts.ts';
import { openStore, type StoreOptions } from './openedStore.ts';
import { openTaskFile } from './taskFile.ts';
import { print, printable } from './terminal.ts';

export interface SubmitOptions extends StoreOptions {
  /** Of tasks that name none. */
  readonly type?: string;
  readonly batch?: string;
  readonly wait?: boolean;
}

/**
 * `submit`: brings a file of tasks into a fleet that another process runs.
 *
 * The batch is named as `run` names it: the same command again goes on with what was interrupted.
 *
 * @param input - Path of the file; `-`: standard input.
 * @returns The exit code.
 */
export async function submit(input: string, options: SubmitOptions): Promise<number> {
  const { type, batch, wait, ...place } = options;
  if (type !== undefined) assertId('--type', type);
  if (batch !== undefined) assertIdWithoutSlash('--batch', batch);
  await using tasks = await openTaskFile(input, type === undefined ? null : { default: type }, asItIs, null);
  await using opened = await openStore(place);
  await using client = await connectFleet(opened.store, { name: opened.scope });
  const batchId = batch ?? `${tasks.name}-${tasks.digest.slice(0, 12)}`;
  using interrupts = new Interrupts();
  if ((await client.getStatus()).owner === null) {
    process.stderr.write(
      'No run owns the store: waiting for one, which takes the tasks. Ctrl-C ends the waiting.\n'
    );
  }
  const leaving = new AbortController();
  void interrupts.first.then(() => leaving.abort());
  const { signal } = leaving;
  try {
    await client.submitBatch(tasks.tasks(), { batchId, signal });
    await print(`Submitted ${tasks.count} tasks as batch ${printable(batchId)}.\n`);
    if (wait !== true) return 0;
    const settled = await client.waitForBatch(batchId, { signal });
    await print(`${printable(outcomeOf(settled))}\n`);
    return settled.completedTasks === settled.totalTasks ? 0 : 1;
  } catch (error) {
    if (!signal.aborted) throw error;
    await print(`Interrupted; the same command goes on with batch ${printable(batchId)}.\n`);
    return interrupted;
  }
}

function outcomeOf({ id, totalTasks, completedTasks, failedTasks, cancelledTasks }: BatchStatus): string {
  const failed = failedTasks > 0 ? `, ${failedTasks} failed` : '';
  const cancelled = cancelledTasks > 0 ? `, ${cancelledTasks} cancelled` : '';
  return `Batch ${id}: ${completedTasks} of ${totalTasks} completed${failed}${cancelled}.`;
}
