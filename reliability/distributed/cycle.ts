import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { batchLifecycle } from '../../src/ledger/lifecycles.ts';
import { SeededRandom } from '../../src/testing/seededRandom.ts';
import { fakeTime } from '../../test/servers/fakeTime.ts';
import { readStored, type Stored } from '../chaos/oracle/stored.ts';
import type { Fault } from './faults.ts';
import { Patience } from './patience.ts';
import { fleetName, type PlantedBug } from './plans.ts';
import { judge, type Problem, type Verdict } from './verdict.ts';
import { readTestimonies } from './witness.ts';
import { drawWorkload, type Workload } from './workload.ts';
import type { Server } from '../../test/servers/serverProcess.ts';
import type { ServerName, Surroundings, Topology, World } from './world.ts';

export interface CycleOptions {
  readonly topology: Topology;
  /** Those that the topology needs. */
  readonly servers: ReadonlyMap<ServerName, Server>;
  readonly fault: Fault;
  readonly seed: number;
  readonly tasks: number;
  /** Defaults to nothing. */
  readonly planted?: PlantedBug | null;
  /**
   * How often the event loop of each process may turn while nothing comes of it, before what has not settled is stuck. A
   * turn is 50 ms of a process that has a processor. Defaults to 400: far more than any backoff, silence or lease lasts.
   */
  readonly patience?: number;
}

const defaultPatience = 400;
const lookMs = 30;

/**
 * One cycle: processes are started, clients submit, something goes wrong, all is healed, and when all has settled, or nothing
 * comes of it any more, it is judged. Nothing is left of it.
 *
 * @throws {ServerUnavailableError} when what the fault needs cannot be had.
 */
export async function runCycle(options: CycleOptions): Promise<Verdict> {
  const { topology, servers, fault, seed, tasks, planted = null, patience = defaultPatience } = options;
  const random = new SeededRandom(seed);
  const workload = drawWorkload(random, { tasks, ...fault.workload });
  const surroundings = await surroundingsOf(fault);
  const folder = mkdtempSync(join(tmpdir(), 'xstate-fleet-distributed-'));
  try {
    await using world = topology.open({
      folder,
      workload,
      surroundings,
      force: fault.force ?? {},
      servers,
      planted
    });
    await world.start();
    await begun(world, random.integer(0, Math.ceil(tasks / 2)), patience);
    await fault.strike(world, random);
    await world.heal();
    const died = await rest(world, workload, patience);
    const stored = await found(world);
    const { tried, problems } = judge(readTestimonies(world.witnessFolder), stored ?? nothing, workload);
    if (stored !== null) return { tried, problems: [...problems, ...died] };
    return { tried, problems: [...problems, ...died, { count: 'wrong', text: 'no store can be read' }] };
  } finally {
    // A worker whose manager was killed may still be about to begin, and to find that out.
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  }
}

const nothing: Stored = { tasks: new Map(), batches: new Map(), results: [], schedules: [] };

/** @returns `null`: no manager has come so far as to make a store. */
async function found(world: World): Promise<Stored | null> {
  try {
    return await readStored(await world.reader(), fleetName);
  } catch (error) {
    if (error instanceof Error && 'code' in error) return null;
    throw error;
  }
}

async function surroundingsOf({ clocks = [], workerClocks = [] }: Fault): Promise<Surroundings> {
  const envOf = async (shift: string | null) => (shift === null ? {} : fakeTime(shift));
  return {
    managers: await Promise.all(clocks.map(envOf)),
    workers: await Promise.all(workerClocks.map(envOf))
  };
}

/** Waits until so many attempts have begun; at once where a process has ended, for that is to be judged. */
async function begun(world: World, attempts: number, turns: number): Promise<void> {
  const patience = new Patience(world, turns);
  const isBegun = (): boolean =>
    readTestimonies(world.witnessFolder).filter(({ type }) => type === 'began').length >= attempts;
  while (!isBegun() && !patience.isOver() && world.processes().every(({ failure }) => failure === null)) {
    await sleep(lookMs);
  }
}

/**
 * Waits until all batches are over, or until each process that runs has turned in vain so often.
 *
 * @returns The processes that ended by themselves: nothing is to be waited for then.
 */
async function rest(world: World, workload: Workload, turns: number): Promise<readonly Problem[]> {
  const patience = new Patience(world, turns);
  for (;;) {
    const died = world.processes().flatMap(({ failure }) => failure ?? []);
    if (died.length > 0) return died.map((text) => ({ count: 'wrong', text }));
    if (await isOver(world, workload)) return [];
    if (patience.isOver()) return [];
    await sleep(lookMs);
  }
}

async function isOver(world: World, { batches }: Workload): Promise<boolean> {
  if (!world.clients().every((client) => client.hasSaid('done'))) return false;
  const reader = await world.reader();
  const rows = await Promise.all(batches.map(({ id }) => reader.readBatch(fleetName, id)));
  return rows.every((row) => row !== null && batchLifecycle.isFinal(row.state));
}
