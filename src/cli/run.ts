import type { WorkerGroup } from '../../machines/fleetConfig.ts';
import type { SqliteOptions } from '../stores/sqlite.ts';
import type { Telemetry } from '../telemetry/createTelemetry.ts';
import { assertId, assertIdWithoutSlash } from '../validation/validation.ts';
import { FleetRun } from './fleetRun.ts';
import { interrupted, Interrupts } from './interrupts.ts';
import type { MetricsAddress } from './openMetrics.ts';
import { assertResultFile, writeResultFile } from './resultFile.ts';
import { finalResultLines } from './resultLines.ts';
import { retriesOf } from './retries.ts';
import { runPlaceOf } from './runPlace.ts';
import { shownPlace, storeAt } from '../stores/storeAt.ts';
import { storePathFor } from './storePath.ts';
import { interruption, summarize } from './summary.ts';
import { openTaskFile } from './taskFile.ts';
import { print, shellWord } from './terminal.ts';

export interface RunOptions {
  /** Either this or `redis`. */
  readonly handlers?: string;
  /** Where the workers that have the handlers join, and what the keys there begin with. */
  readonly redis?: string;
  readonly prefix?: string;
  /** Of tasks that name none, where the workers have the handlers. */
  readonly type?: string;
  readonly store?: string;
  readonly fleet: string;
  readonly workers?: number;
  readonly group: readonly WorkerGroup[];
  readonly concurrency?: number;
  readonly retries?: number;
  readonly timeout?: number;
  readonly standby?: boolean;
  readonly isolate?: 'threads' | 'processes';
  readonly durability: NonNullable<SqliteOptions['durability']>;
  readonly batch?: string;
  readonly out?: string;
  /** `true`: on the default port. */
  readonly ui?: number | true;
  /** `true`: at the default address. */
  readonly metrics?: MetricsAddress | true;
  readonly record?: string;
}

/**
 * `run`: brings a file of tasks to its end, or goes on with it.
 *
 * The batch is named by the content of the file, so the same command again finds what an earlier run did, and
 * a changed file is another batch. Everything is looked at before anything is started or written.
 *
 * @param input - Path of the file; `-`: standard input.
 * @returns The exit code.
 */
export async function run(input: string, options: RunOptions): Promise<number> {
  const { fleet: scope, out } = options;
  assertId('--fleet', scope);
  if (options.batch !== undefined) assertIdWithoutSlash('--batch', options.batch);
  const place = await runPlaceOf(options);
  const { types, readData, groups } = place;
  await using tasks = await openTaskFile(input, types, readData, groups);
  if (out !== undefined)
    await assertResultFile(out, [input, ...(options.handlers === undefined ? [] : [options.handlers])]);

  const batchId = options.batch ?? `${tasks.name}-${tasks.digest.slice(0, 12)}`;
  const address = options.store ?? storePathFor(tasks.name);
  const storePath = shownPlace(address);
  const store = await storeAt(address, { durability: options.durability });
  const startedAt = performance.now();
  using interrupts = new Interrupts();
  try {
    const telemetry = options.metrics === undefined ? null : await telemetryOf();
    const fleetRun = new FleetRun({ place, tasks, batchId, store, telemetry, options });
    const isFinished = await fleetRun.finish(interrupts);
    const ran = { store, storePath, scope, batchId, ms: performance.now() - startedAt };
    if (!isFinished) {
      await print(await interruption(ran, tasks.count, input));
      return interrupted;
    }
    const chain = [batchId, ...(await retriesOf(batchId, store, scope))];
    if (out !== undefined) await writeResultFile(out, finalResultLines(store, scope, chain));
    const { text, areAllCompleted } = await summarize({ ...ran, ...fleetRun.retried, chain, out });
    await print(text);
    const { record } = options;
    if (record !== undefined) await print(`To see how it went: xstate-fleet replay ${shellWord(record)}\n`);
    return areAllCompleted ? 0 : 1;
  } finally {
    await store.close();
  }
}

/** Its libraries are loaded when they are needed. */
async function telemetryOf(): Promise<Telemetry> {
  const { telemetryForMetrics } = await import('./openMetrics.ts');
  return telemetryForMetrics();
}
