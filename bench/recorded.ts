// What recording costs: tasks that do nothing, in memory and on SQLite, with and without it. Each run in a process of its own.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { FleetManager, memoryStore } from 'xstate-fleet';
import { sqliteStore } from 'xstate-fleet/sqlite';

const tasks = 20_000;
const rounds = Number(process.env['ROUNDS'] ?? 7);
const stores = ['memory', 'sqlite'] as const;

/** What one run took. */
interface Run {
  readonly ms: number;
  /** Of the processor, in all threads. */
  readonly cpuMs: number;
  /** Of the recording. */
  readonly bytes: number;
}

const [store, recorded] = process.argv.slice(2);
if (store === undefined) await compare();
else process.stdout.write(JSON.stringify(await measure(store, recorded === 'on')));

async function compare(): Promise<void> {
  const runs = new Map<string, Run[]>();
  for (let round = 0; round < rounds; round++) {
    for (const kind of stores) {
      for (const mode of ['off', 'on']) {
        const key = `${kind} ${mode}`;
        runs.set(key, [...(runs.get(key) ?? []), await runAlone(kind, mode)]);
      }
    }
  }
  for (const kind of stores) {
    const [off, on] = [runs.get(`${kind} off`)!, runs.get(`${kind} on`)!];
    const added = (of: (run: Run) => number): string =>
      (((median(on.map(of)) - median(off.map(of))) / tasks) * 1_000).toFixed(1);
    console.log(
      `${kind}: ${perSecond(off)} tasks/s without, ${perSecond(on)} with a recording; ` +
        `+${added(({ ms }) => ms)} us a task (+${added(({ cpuMs }) => cpuMs)} us of processor time), ` +
        `${(median(on.map(({ bytes }) => bytes)) / tasks).toFixed(1)} bytes a task`
    );
  }
}

async function runAlone(kind: string, mode: string): Promise<Run> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...process.execArgv, fileURLToPath(import.meta.url), kind, mode],
    { env: { ...process.env, NODE_ENV: 'production' } }
  );
  return JSON.parse(stdout) as Run;
}

async function measure(kind: string, isRecorded: boolean): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), 'recorded-'));
  const record = join(folder, 'run.fleetlog');
  try {
    const fleet = new FleetManager({
      handlers: { noop: async () => {} },
      config: { maxConcurrentWorkers: 100 },
      store: kind === 'sqlite' ? sqliteStore(join(folder, 'fleet.db')) : memoryStore(),
      ...(isRecorded && { record })
    });
    await fleet.start();
    const all = Array.from({ length: tasks }, (_, index) => ({
      id: String(index),
      type: 'noop' as const,
      data: { index }
    }));
    const cpuBefore = process.cpuUsage();
    const began = performance.now();
    await fleet.waitForBatch(await fleet.submitBatch(all));
    const ms = performance.now() - began;
    await fleet.stop();
    const { user, system } = process.cpuUsage(cpuBefore);
    return { ms, cpuMs: (user + system) / 1_000, bytes: isRecorded ? (await stat(record)).size : 0 };
  } finally {
    await rm(folder, { recursive: true });
  }
}

function perSecond(runs: readonly Run[]): number {
  return Math.round((tasks / median(runs.map(({ ms }) => ms))) * 1_000);
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)]!;
}
