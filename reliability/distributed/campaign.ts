import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { ServerUnavailableError } from '../../test/servers/program.ts';
import { runCycle, type CycleOptions } from './cycle.ts';
import { faultsFor, type Fault } from './faults.ts';
import { Servers } from './servers.ts';
import { topologies } from './topologies.ts';
import type { Problem } from './verdict.ts';
import type { Topology } from './world.ts';

export interface CampaignOptions {
  /** Defaults to all. */
  readonly where?: readonly Topology[];
  readonly cycles: number;
  readonly seed: number;
  /** Tasks that each cycle tries. Defaults to 30. */
  readonly tasks?: number;
  /** A row, or a part of a fault's name. Defaults to all. */
  readonly only?: string | null;
  /** Cycles at once. Defaults to 2. */
  readonly lanes?: number;
  /** A file that each cycle is written into; those that are in it are not run again. Defaults to none. */
  readonly logPath?: string | null;
  readonly onCycle?: (cycle: Cycle, done: number) => void;
  /** No cycle is begun once it is aborted; those that run come to their end. */
  readonly signal?: AbortSignal;
}

/** One cycle that has been run. */
export interface Cycle {
  readonly cycle: number;
  readonly seed: number;
  readonly row: string;
  readonly fault: string;
  /** Name of the topology. */
  readonly where: string;
  readonly tried: number;
  readonly problems: readonly Problem[];
  /** Why it was not run; `null`: it was. */
  readonly skipped: string | null;
}

/**
 * Runs cycles, each with the next fault in turn, each time in the next topology that can have it, and a seed of its own: all
 * that depends on the number of the cycle alone.
 */
export async function runCampaign(options: CampaignOptions): Promise<readonly Cycle[]> {
  const { where = topologies, cycles, seed, tasks = 30, only = null, lanes = 2 } = options;
  const { logPath = null, onCycle, signal } = options;
  const faults = faultsFor(new Set(where.flatMap(({ offers }) => [...offers])), only);
  if (faults.length === 0)
    throw new RangeError(`No fault is called ${only}: give a row, or a part of a name.`);
  const done = logPath === null ? [] : readLog(logPath).filter((one) => one.seed === seedOf(seed, one.cycle));
  const numbers = new Set(done.map(({ cycle }) => cycle));
  const waiting = Array.from({ length: cycles }, (_, index) => index + 1)
    .filter((cycle) => !numbers.has(cycle))
    .values();
  const work = async (): Promise<void> => {
    // Of this lane alone: a server that is struck has nothing else on it.
    await using servers = new Servers();
    for (const number of waiting) {
      if (signal?.aborted) return;
      const cycle = await run(number, servers, {
        ...drawn(number, faults, where),
        seed: seedOf(seed, number),
        tasks
      });
      done.push(cycle);
      if (logPath !== null) appendFileSync(logPath, `${JSON.stringify(cycle)}\n`);
      onCycle?.(cycle, done.length);
    }
  };
  await Promise.all(Array.from({ length: lanes }, work));
  return done.filter(({ cycle }) => cycle <= cycles).sort((left, right) => left.cycle - right.cycle);
}

/** The fault of a cycle, and where it strikes: a fault's first cycle is not in the topology of its neighbours'. */
function drawn(
  cycle: number,
  faults: readonly Fault[],
  where: readonly Topology[]
): Pick<CycleOptions, 'topology' | 'fault'> {
  const index = (cycle - 1) % faults.length;
  const fault = faults[index]!;
  const fit = where.filter(({ offers }) => fault.needs.every((need) => offers.has(need)));
  return { fault, topology: fit[(index + Math.floor((cycle - 1) / faults.length)) % fit.length]! };
}

async function run(cycle: number, servers: Servers, options: Omit<CycleOptions, 'servers'>): Promise<Cycle> {
  const { topology, fault, seed } = options;
  const named = { cycle, seed, row: fault.row, fault: fault.name, where: topology.name };
  try {
    const verdict = await runCycle({ ...options, servers: await servers.of(topology.offers) });
    return { ...named, ...verdict, skipped: null };
  } catch (error) {
    if (!(error instanceof ServerUnavailableError)) throw error;
    return { ...named, tried: 0, problems: [], skipped: error.message };
  }
}

function seedOf(seed: number, cycle: number): number {
  return seed * 100_000 + cycle;
}

function readLog(path: string): Cycle[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Cycle);
}
