// What inspection costs: tasks that do nothing, in memory, with 10 workers, and nobody or somebody who looks.
import { execFile } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createInspector } from '@statelyai/inspect';
import { FleetManager, type InspectionOptions } from 'xstate-fleet';

const tasks = 20_000;
const rounds = Number(process.env['ROUNDS'] ?? 9);

/** What an inspector was told, so that none of it is done for nothing. */
let told = 0;
const count = (): void => void (told += 1);

const ways: Readonly<Record<string, () => InspectionOptions>> = {
  'nobody looks': () => ({}),
  'a function that does nothing, no rows': () => ({ inspect: count, inspectRows: false }),
  'a function that does nothing, the default sample': () => ({ inspect: count }),
  'a function that does nothing, 1,000 tasks': () => ({
    inspect: count,
    inspectRows: { tasks: { max: 1_000 } }
  }),
  'the official inspector, no rows': () => ({ inspect: official().inspect, inspectRows: false }),
  'the official inspector, the default sample': () => ({ inspect: official().inspect })
};

const [way] = process.argv.slice(2);
if (way === undefined) await measureAll();
else console.log(JSON.stringify(await measure(ways[way]!())));

interface Run {
  /** Time of the processor for one task, µs: it is the same on a machine that is busy with other work. */
  readonly cpu: number;
  readonly told: number;
}

/** Interleaved, so that a slow minute of the machine falls on all alike; each in a process of its own. */
async function measureAll(): Promise<void> {
  const runs = new Map<string, Run[]>(Object.keys(ways).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, measured] of runs) measured.push(await runAlone(name));
  }
  const off = runs.get('nobody looks')!;
  for (const [name, measured] of runs) {
    const cpu = median(measured.map((run) => run.cpu));
    const added = median(measured.map((run, round) => run.cpu - off[round]!.cpu));
    const events = median(measured.map((run) => run.told / tasks));
    console.log(`| ${name} | ${cpu.toFixed(0)} | ${added.toFixed(0)} | ${events.toFixed(1)} |`);
  }
}

async function runAlone(name: string): Promise<Run> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...process.execArgv, fileURLToPath(import.meta.url), name],
    { env: { ...process.env, NODE_ENV: 'production' } }
  );
  return JSON.parse(stdout) as Run;
}

async function measure(options: InspectionOptions): Promise<Run> {
  await using fleet = new FleetManager({
    handlers: { noop: async () => {} },
    config: { maxConcurrentWorkers: 10 },
    ...options
  });
  await fleet.start();
  const all = Array.from({ length: tasks }, (_, index) => ({
    id: String(index),
    type: 'noop' as const,
    data: { index }
  }));
  const began = process.cpuUsage();
  await fleet.waitForBatch(await fleet.submitBatch(all));
  // The official inspector tells of each event in a timer of 1 ms: those that it has set ring before this one.
  await wait(1);
  const { user, system } = process.cpuUsage(began);
  return { cpu: (user + system) / tasks, told };
}

function official(): ReturnType<typeof createInspector> {
  return createInspector({ send: count }, { serializationDepthLimit: 20 });
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)]!;
}
