import type { BatchStatus } from '../../machines/batch.ts';
import { NotFoundError, StoreError } from '../errors.ts';
import { FleetReader } from '../fleet/fleetReader.ts';
import type { Store, StoredResult } from '../store.ts';
import { durationText } from './duration.ts';
import { printable, shellWord } from './terminal.ts';

/** Failures that are told; all of them are in the store. */
const maxFailures = 5;
const maxErrorLength = 200;

/** A run that is over. */
export interface Ran {
  readonly store: Store;
  readonly storePath: string;
  readonly scope: string;
  readonly batchId: string;
  /** How long it took, ms. */
  readonly ms: number;
}

/** A run that came to its end. */
export interface Finished extends Ran {
  /** The batch, and its retries: the last of them says what became of the tasks of those before it. */
  readonly chain: readonly string[];
  /** Retried for other processes. */
  readonly batches: ReadonlySet<string>;
  readonly tasks: ReadonlySet<string>;
  /** Where the results were written. */
  readonly out: string | undefined;
}

/** What a run says last. */
export async function summarize(
  ran: Finished
): Promise<{ readonly text: string; readonly areAllCompleted: boolean }> {
  const { store, scope, batchId, ms, chain, out } = ran;
  const reader = new FleetReader(store, scope);
  const retried = new Set(chain.slice(0, -1));
  const lines: string[] = [];
  let areAllCompleted = true;
  for (const id of new Set([...chain, ...ran.batches])) {
    const batch = await reader.getBatchStatus(id);
    lines.push(batchLine(batch));
    if (retried.has(id)) continue;
    areAllCompleted &&= batch.status === 'completed';
    lines.push(...(await failureLines(ran, batch)));
  }
  for (const key of ran.tasks) {
    const result = (await store.readResult(scope, key))!;
    lines.push(`Task ${key}: ${endOf(result)}`);
    areAllCompleted &&= result.success;
  }
  lines.push(`This run took ${durationText(ms)}.`);
  if (out !== undefined) lines.push(`Results are in ${out}.`);
  lines.push(`Look at results: ${command('results', ran)} --batch ${shellWord(batchId)}`);
  return { text: textOf(lines), areAllCompleted };
}

/** What an interrupted run says last. @param total - Tasks of the input. */
export async function interruption(ran: Ran, total: number, input: string): Promise<string> {
  const batch = await statusOf(ran);
  const done = batch === null ? 0 : batch.completedTasks + batch.failedTasks + batch.cancelledTasks;
  const program = process.env.npm_command === 'exec' ? 'npx xstate-fleet' : 'xstate-fleet';
  return textOf([
    `Interrupted: ${done} of ${total} tasks are done, in ${durationText(ran.ms)}. ` +
      `Resume with${input === '-' ? ' the same input and' : ''}:`,
    `  ${[program, ...process.argv.slice(2).map(shellWord)].join(' ')}`
  ]);
}

function batchLine({ id, totalTasks, completedTasks, failedTasks, cancelledTasks }: BatchStatus): string {
  const parts = [
    `${completedTasks} of ${totalTasks} completed`,
    ...(failedTasks > 0 ? [`${failedTasks} failed`] : []),
    ...(cancelledTasks > 0 ? [`${cancelledTasks} cancelled`] : [])
  ];
  return `Batch ${id}: ${parts.join(', ')}.`;
}

/** The first tasks that did not complete, and what can be done about them. */
async function failureLines(
  ran: Ran,
  { id, status, totalTasks, completedTasks }: BatchStatus
): Promise<string[]> {
  if (completedTasks === totalTasks) return [];
  const { store, scope } = ran;
  const failures = await store.readResults(scope, { batchId: id, success: false, limit: maxFailures });
  const more = totalTasks - completedTasks - failures.length;
  return [
    ...failures.map((result) => `  ${result.taskId}: ${endOf(result)}`),
    ...(more > 0 ? [`  and ${more} more: ${command('results', ran)} --batch ${shellWord(id)} --failed`] : []),
    `Try them again: ${command('retry', ran)} ${shellWord(id)}, then the same run.`,
    ...(status === 'cancelled' ? ['Or start over: the same run with --batch and another name.'] : [])
  ];
}

function endOf({ status, error, attempts }: StoredResult): string {
  if (status === 'completed') return 'completed';
  const word = status === 'timedOut' ? 'timed out' : status;
  const tries = status === 'cancelled' ? '' : ` after ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`;
  return `${word}${tries}${error === undefined ? '' : `: ${shorten(printable(error))}`}`;
}

function shorten(text: string): string {
  return text.length > maxErrorLength ? `${text.slice(0, maxErrorLength)}…` : text;
}

function command(name: string, { storePath, scope }: Ran): string {
  const fleet = scope === 'cli' ? '' : ` --fleet ${shellWord(scope)}`;
  return `xstate-fleet ${name} --store ${shellWord(storePath)}${fleet}`;
}

async function statusOf({ store, scope, batchId }: Ran): Promise<BatchStatus | null> {
  try {
    return await new FleetReader(store, scope).getBatchStatus(batchId);
  } catch (error) {
    // Interrupted before there was a batch, or even a store.
    if (error instanceof NotFoundError || error instanceof StoreError) return null;
    throw error;
  }
}

/** One line each: nothing in a line can make another one. */
function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line.startsWith('  ') ? '  ' : ''}${printable(line)}\n`).join('');
}
