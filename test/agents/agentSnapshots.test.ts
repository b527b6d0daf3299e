import { createActor, fromPromise } from 'xstate';
import { beforeAll, describe, expect, it } from 'vitest';
import type { FleetSnapshot } from '../../machines/fleetMachine.ts';
import { workerMachine, type WorkerSpawn } from '../../machines/workerMachine.ts';
import { AgentSnapshots, restoreAgents } from '../../src/agents/agentSnapshots.ts';
import { ResultStatistics } from '../../src/coordinator/resultStatistics.ts';
import { FleetError, memoryStore, type Json } from '../../src/index.ts';
import type { StoredAgent } from '../../src/store.ts';
import { settled, startFleet } from '../harness.ts';

const where = 'fleet.db';

describe('the snapshots of workers', () => {
  it('are what XState persists of them, whatever state they are in, and have been in', async () => {
    const machine = workerMachine.provide({
      actors: {
        startWorker: fromPromise<WorkerSpawn, { workerId: string }>(() =>
          Promise.resolve({ at: 1, tags: ['gpu'] })
        ),
        stopWorker: fromPromise(() => Promise.resolve())
      }
    });
    const [first, second] = ['worker-1', 'worker-2'].map((slot) => {
      const input = { slot, concurrency: 1, tasksPerWorker: null, tags: [], restored: null };
      return createActor(machine, { id: slot, input });
    });
    const children = { 'worker-1': first!, 'worker-2': second! };
    const fleet = { context: { slots: 2 }, children } as unknown as FleetSnapshot;
    const snapshots = new AgentSnapshots(() => new ResultStatistics());
    snapshots.committed(fleet);
    const states = new Set<unknown>();
    const check = (): void => {
      snapshots.markAllWorkers(fleet);
      for (const { id, snapshot } of snapshots.changed(fleet, false)) {
        const worker = children[id as keyof typeof children].getSnapshot();
        states.add(worker.value);
        // Of what it invokes nothing is kept: the next start makes another worker.
        expect(snapshot).toEqual({ ...machine.getPersistedSnapshot(worker), children: {} });
      }
    };
    check();
    for (const worker of [first!, second!, first!]) {
      worker.start();
      await settled();
      check();
      for (let round = 1; round < 3; round++) {
        worker.send({ type: 'attempts.begun' });
        check();
        worker.send({ type: 'attempts.ended', taken: round, completed: 1, failed: 0 });
        check();
      }
      worker.send({ type: 'worker.drain' });
      check();
      await settled();
      check();
      worker.send({ type: 'worker.start' });
    }
    first!.stop();
    check();
    expect(states).toEqual(new Set(['spawning', 'idle', 'busy', 'stopping', 'stopped']));
  });
});

describe('the snapshot of an agent', () => {
  let agents: readonly StoredAgent[];

  beforeAll(async () => {
    agents = await agentsOfAFleet();
  });

  it('is restored as it was', () => {
    const { fleet, coordinator, workers } = restoreAgents(where, agents).recovered;
    expect(fleet).toMatchObject({ paused: true, config: { maxRetries: 7 } });
    expect(coordinator).toMatchObject({ successCount: 3 });
    expect(Object.keys(workers)).toEqual(['worker-1', 'worker-2']);
  });

  it.each(['fleet', 'coordinator', 'autoscaler', 'worker-1', 'statistics'])(
    'of %s is refused with the name of the field, or restored as before, whatever becomes of one field',
    (id) => {
      const sound = restoreAgents(where, agents);
      const counts = { tried: 0, refused: 0, harmless: 0 };
      const misses: unknown[] = [];
      for (const { path, snapshot } of mutationsOf(agents.find((agent) => agent.id === id)!.snapshot)) {
        counts.tried += 1;
        const planted = agents.map((agent) => (agent.id === id ? { ...agent, snapshot } : agent));
        const outcome = attempt(planted);
        if (outcome instanceof FleetError && outcome.code === 'ERR_STORE_CORRUPT') {
          const names = outcome.message.includes(`agent ${id}`) && outcome.message.includes(path.at(-1)!);
          if (names) counts.refused += 1;
          else misses.push({ path, message: outcome.message });
        } else if (isAlike(outcome, sound)) counts.harmless += 1;
        else misses.push({ path, outcome });
      }
      expect(misses).toEqual([]);
      expect(counts.refused).toBeGreaterThan(id === 'autoscaler' ? 5 : 10);
      expect(counts.refused + counts.harmless).toBe(counts.tried);
    }
  );

  it.each<[what: string, change: Partial<StoredAgent>, code: string, named: string]>([
    ['a later version', { schemaVersion: 2 }, 'ERR_STORE_VERSION', 'version 2 of agent fleet'],
    ['no version', { schemaVersion: 0 }, 'ERR_STORE_CORRUPT', 'agent fleet has the version 0'],
    ['half a version', { schemaVersion: 1.5 }, 'ERR_STORE_CORRUPT', 'agent fleet has the version 1.5'],
    ['an unknown machine', { machine: 'toaster' }, 'ERR_STORE_CORRUPT', 'unknown machine "toaster"'],
    [
      'a name of Object.prototype for a machine',
      { machine: 'constructor' },
      'ERR_STORE_CORRUPT',
      'unknown machine'
    ],
    ['nothing in it', { snapshot: null }, 'ERR_STORE_CORRUPT', 'of agent fleet, snapshot is null']
  ])('is refused with %s', (_, change, code, named) => {
    const planted = agents.map((agent) => (agent.id === 'fleet' ? { ...agent, ...change } : agent));
    expect(attempt(planted)).toMatchObject({ code, message: expect.stringContaining(named) as string });
  });

  it('of an earlier version goes through each migration, and the original stays as it is', () => {
    const original = agents.find(({ id }) => id === 'coordinator')!;
    const { successCount: _, ...context } = (original.snapshot as { context: Record<string, Json> }).context;
    const oldest = { ...original, snapshot: { value: 'gathering', context } as Json };
    const before = structuredClone(oldest);
    const migrations = {
      fleet: [],
      worker: [],
      autoscaler: [],
      statistics: [],
      coordinator: [
        (snapshot: Json) =>
          ({ ...(snapshot as object), value: { health: 'healthy', intake: 'collecting' } }) as Json,
        (snapshot: Json) => {
          const { context, ...rest } = snapshot as { context: Record<string, Json> };
          context.successCount = 41;
          return { ...rest, context };
        }
      ]
    };

    expect(restoreAgents(where, [oldest], migrations).recovered.coordinator).toMatchObject({
      successCount: 41
    });
    expect(oldest).toEqual(before);
    expect(
      restoreAgents(where, [{ ...original, schemaVersion: 3 }], migrations).recovered.coordinator
    ).toMatchObject({
      successCount: 3
    });
  });

  it('that a migration cannot take is refused with the name of the agent', () => {
    const migrations = {
      fleet: [() => JSON.parse('{') as Json],
      worker: [],
      coordinator: [],
      statistics: []
    };
    expect(() => restoreAgents(where, agents, migrations)).toThrow(
      'the snapshot of agent fleet cannot be brought from version 1 to 2'
    );
  });

  it('that is not there, or is ahead of the results, keeps a fleet from starting', async () => {
    const missing = await storeWith((agents) => agents.filter(({ id }) => id !== 'fleet'));
    await expect(startFleet({ handlers: {}, store: missing })).rejects.toThrow(
      'the snapshot of the fleet is not there'
    );

    const ahead = await storeWith((agents) =>
      agents.map((agent) => {
        const snapshot = structuredClone(agent.snapshot) as { context: Record<string, Json> };
        if (agent.id === 'coordinator') snapshot.context.settledSeq = 99;
        return { ...agent, snapshot };
      })
    );
    await expect(startFleet({ handlers: {}, store: ahead })).rejects.toThrow(
      'has counted result 99, and 3 is the last'
    );
  });

  it('with a config that is none keeps a fleet from starting, and is left as it is', async () => {
    const planted = await storeWith((agents) =>
      agents.map((agent) => {
        const snapshot = structuredClone(agent.snapshot) as { context: { config?: Record<string, Json> } };
        if (agent.id === 'fleet') snapshot.context.config!.maxConcurrentWorkers = 'abc';
        return { ...agent, snapshot: snapshot as Json };
      })
    );
    await expect(startFleet({ handlers: {}, store: planted })).rejects.toMatchObject({
      code: 'ERR_STORE_CORRUPT',
      message: expect.stringContaining('config.maxConcurrentWorkers is "abc"') as string
    });
    expect(await planted.readHead('test')).not.toBeNull();
  });
});

/** What a fleet of two workers, paused, leaves in its store. */
async function agentsOfAFleet(): Promise<readonly StoredAgent[]> {
  return (await fleetStore()).open('test', 'me').then(({ agents }) => agents);
}

async function fleetStore() {
  const store = memoryStore();
  const { fleet } = await startFleet({
    handlers: { work: (n: number) => n },
    config: { maxConcurrentWorkers: 2, autoscale: { minWorkers: 1, maxWorkers: 3 } },
    store
  });
  const tasks = [1, 2, 3].map((n) => ({ id: `t${n}`, type: 'work' as const, data: n }));
  await fleet.waitForBatch(await fleet.submitBatch(tasks));
  await fleet.updateConfig({ maxRetries: 7 });
  await fleet.pause();
  await fleet.stop();
  return store;
}

/** The store of such a fleet, which gives out other agents than it was given. */
async function storeWith(change: (agents: readonly StoredAgent[]) => readonly StoredAgent[]) {
  const inner = await fleetStore();
  return {
    ...inner,
    async open(scope: string, owner: string) {
      const opened = await inner.open(scope, owner);
      return { ...opened, agents: change(opened.agents) };
    }
  };
}

function attempt(agents: readonly StoredAgent[]): unknown {
  try {
    return restoreAgents(where, agents);
  } catch (error) {
    return error;
  }
}

interface Mutation {
  readonly path: readonly string[];
  readonly snapshot: Json;
}

/** The value with each of its fields deleted, of another type, and out of its range. */
function* mutationsOf(value: Json): Generator<Mutation> {
  for (const path of pathsIn(value)) {
    yield { path, snapshot: changed(value, path, undefined) };
    for (const other of [null, 'abc', -1, 0.5, 1e308, true, [], {}, 'gone']) {
      yield { path, snapshot: changed(value, path, other) };
    }
    const present = valueAt(value, path);
    if (typeof present === 'number') yield { path, snapshot: changed(value, path, String(present)) };
    if (typeof present === 'string') yield { path, snapshot: changed(value, path, flipped(present)) };
  }
}

function* pathsIn(value: Json, path: readonly string[] = []): Generator<readonly string[]> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    yield [...path, key];
    yield* pathsIn(inner as Json, [...path, key]);
  }
}

function valueAt(value: Json, path: readonly string[]): Json | undefined {
  let at: Json | undefined = value;
  for (const key of path) at = (at as Record<string, Json>)[key];
  return at;
}

function changed(value: Json, path: readonly string[], to: Json | undefined): Json {
  const copy = structuredClone(value) as Record<string, Json>;
  const parent = valueAt(copy, path.slice(0, -1)) as Record<string, Json>;
  if (to === undefined) delete parent[path.at(-1)!];
  else parent[path.at(-1)!] = to;
  return copy;
}

/** With one bit changed, as in a damaged byte. */
function flipped(text: string): string {
  return text === '' ? '\u0001' : String.fromCharCode(text.charCodeAt(0) ^ 1) + text.slice(1);
}

/**
 * Whether the same is restored. What is valid and different is no damage that a rule can find: it has a value which
 * might have been.
 */
function isAlike(outcome: unknown, sound: unknown): boolean {
  if (outcome instanceof Error) return false;
  const [left, right] = [JSON.stringify(outcome), JSON.stringify(sound)];
  return left === right || isPlausible(outcome);
}

/** A fleet that is started with it has a config, counts and ids that it may have. */
function isPlausible(outcome: unknown): boolean {
  const { fleet, coordinator, workers } = (outcome as ReturnType<typeof restoreAgents>).recovered;
  const counts = [
    fleet!.slots,
    coordinator!.successCount,
    coordinator!.failureCount,
    coordinator!.totalDuration,
    coordinator!.settledSeq,
    ...Object.values(workers).flatMap(({ incarnation, completed, failed }) => [
      incarnation,
      completed,
      failed
    ])
  ];
  const { maxConcurrentWorkers, workerConcurrency } = {
    ...fleet!.declared,
    ...fleet!.config
  };
  return (
    counts.every((count) => typeof count === 'number' && count >= 0) &&
    [maxConcurrentWorkers, workerConcurrency].every((limit) => Number.isInteger(limit) && limit >= 1)
  );
}
