import {
  createActor,
  fromPromise,
  fromTransition,
  toPromise,
  transition,
  waitFor,
  type AnyActorLogic,
  type StateValueFrom
} from 'xstate';
import { describe, expect, it } from 'vitest';
import {
  workerIdOf,
  workerMachine,
  type Joining,
  type WorkerContext,
  type WorkerEvent,
  type WorkerInput,
  type WorkerReport,
  type WorkerSpawn
} from '../../machines/workerMachine.ts';

type State = StateValueFrom<typeof workerMachine>;

const now = Date.UTC(2026, 0, 1);
const states = [
  'spawning',
  'idle',
  'busy',
  'unresponsive',
  'draining',
  'retiring',
  'recycling',
  'stopping',
  'stopped',
  'error'
] as const satisfies State[];
const spawn: WorkerSpawn = { at: now, tags: [] };
const input: WorkerInput = {
  slot: 'worker-1',
  concurrency: 1,
  tasksPerWorker: null,
  tags: [],
  restored: null
};

const events = {
  'worker.start': { type: 'worker.start' },
  'worker.drain': { type: 'worker.drain' },
  'worker.retire': { type: 'worker.retire' },
  'worker.configure': { type: 'worker.configure', concurrency: 4, tasksPerWorker: 9, tags: ['gpu'] },
  'worker.joined': { type: 'worker.joined', joining: joining(), isBusy: false },
  'attempts.begun': { type: 'attempts.begun' },
  'attempts.ended': ended(1),
  'heartbeat.missed': { type: 'heartbeat.missed' },
  'heartbeat.heard': { type: 'heartbeat.heard', isBusy: true },
  'worker.died': { type: 'worker.died', problem: 'gone', taken: 1, completed: 2, failed: 3 }
} as const satisfies { [Type in WorkerEvent['type']]: Extract<WorkerEvent, { type: Type }> };

/** Where each state goes. An event that is not named keeps the state. */
const chart: Record<State, Partial<Record<WorkerEvent['type'], State>>> = {
  spawning: { 'worker.drain': 'stopping' },
  idle: {
    'attempts.begun': 'busy',
    'worker.drain': 'stopping',
    'worker.retire': 'recycling',
    'heartbeat.missed': 'unresponsive',
    'worker.died': 'error'
  },
  busy: {
    'attempts.ended': 'idle',
    'worker.drain': 'draining',
    'worker.retire': 'retiring',
    'heartbeat.missed': 'unresponsive',
    'worker.died': 'recycling'
  },
  unresponsive: {
    'heartbeat.heard': 'busy',
    'worker.drain': 'draining',
    'worker.retire': 'retiring',
    'worker.died': 'recycling'
  },
  draining: {
    'attempts.ended': 'stopping',
    'worker.start': 'busy',
    'worker.died': 'stopping'
  },
  retiring: { 'attempts.ended': 'recycling', 'worker.drain': 'draining', 'worker.died': 'recycling' },
  recycling: { 'worker.drain': 'stopping' },
  stopping: { 'worker.start': 'recycling' },
  stopped: { 'worker.start': 'spawning', 'worker.joined': 'spawning' },
  error: {
    'worker.start': 'spawning',
    'worker.drain': 'stopped',
    'worker.joined': 'idle'
  }
};
const cells = states.flatMap((from) =>
  Object.values(events).map((event) => [from, event.type, chart[from][event.type] ?? 'same'] as const)
);

describe('workerMachine transitions', () => {
  it.each(cells)('%s on %s goes to %s', (from, type, to) => {
    expect(step(from, events[type]).value).toBe(to === 'same' ? from : to);
  });

  it.each(states)('takes new limits in %s', (from) => {
    expect(step(from, events['worker.configure']).context).toMatchObject({
      concurrency: 4,
      tasksPerWorker: 9,
      slotTags: ['gpu']
    });
  });

  it.each<[tasksPerWorker: number | null, taken: number, to: State]>([
    [null, 1e6, 'idle'],
    [3, 2, 'idle'],
    [3, 3, 'recycling'],
    [3, 4, 'recycling'],
    [1, 1, 'recycling']
  ])('busy, with tasksPerWorker %s and %d taken, goes to %s', (tasksPerWorker, taken, to) => {
    expect(step('busy', ended(taken), { tasksPerWorker }).value).toBe(to);
  });
});

describe('workerMachine, whose worker has come by itself', () => {
  const joined = { workerId: 'host-a', types: ['work'], prefetch: 3 };

  it.each<[from: State, event: WorkerEvent, to: State]>([
    ['idle', events['worker.died'], 'stopping'],
    ['busy', events['worker.died'], 'stopping'],
    ['unresponsive', events['worker.died'], 'stopping'],
    ['error', events['worker.died'], 'stopping'],
    ['error', events['worker.drain'], 'draining'],
    ['idle', unfit(), 'error'],
    ['busy', unfit(), 'error'],
    ['unresponsive', unfit(), 'error'],
    ['error', unfit(), 'error'],
    ['error', { ...events['worker.joined'], isBusy: true }, 'busy']
  ])('%s on $type goes to %s', (from, event, to) => {
    expect(step(from, event, { joined }).value).toBe(to);
  });

  it('is known by its own id, offers what it said, and is made by nobody', async () => {
    const { worker, reports, starts, reached } = startWorker({ joining: joining() });
    starts[0]!.resolve({ at: now, tags: [] });
    await reached('idle');
    expect(reports()).toEqual([
      report('worker.ready', {
        workerId: 'host-a',
        concurrency: 4,
        prefetch: 3,
        tags: ['gpu'],
        types: ['work']
      })
    ]);
    worker.send({ type: 'worker.joined', joining: joining({ prefetch: 9 }), isBusy: false });
    expect(reports().at(-1)).toMatchObject({ type: 'worker.offering', concurrency: 4, prefetch: 9 });
  });

  it('is in error while it has a problem, which is forgotten with that', async () => {
    const { worker, reports, starts, reached } = startWorker({ joining: joining({ problem: 'too old' }) });
    starts[0]!.resolve({ at: now, tags: [] });
    await reached('error');
    expect(reports()).toMatchObject([{ type: 'worker.unfit', workerId: 'host-a', problem: 'too old' }]);
    worker.send({ type: 'worker.joined', joining: joining(), isBusy: false });
    expect(worker.getSnapshot()).toMatchObject({ value: 'idle', context: { problem: null } });
  });

  it('leaves the place to the next one', async () => {
    const { worker, reports, starts, stops, reached } = startWorker({ joining: joining() });
    starts[0]!.resolve({ at: now, tags: [] });
    await reached('idle');
    worker.send(events['worker.drain']);
    stops[0]!.resolve();
    await reached('stopped');
    expect(reports().at(-1)).toMatchObject({ type: 'worker.stopped', workerId: 'host-a' });
    expect(worker.getSnapshot().context.joined).toBeNull();
    worker.send({ type: 'worker.joined', joining: joining({ workerId: 'host-b' }), isBusy: false });
    starts[1]!.resolve({ at: now, tags: [] });
    await reached('idle');
    expect(reports().at(-1)).toMatchObject({ type: 'worker.ready', slot: 'worker-1', workerId: 'host-b' });
  });
});

describe('workerMachine, whose worker is silent', () => {
  it.each<[isBusy: boolean, to: State]>([
    [true, 'busy'],
    [false, 'idle']
  ])('offers room again when it is heard, holding something: %s', async (isBusy, to) => {
    const { worker, reports } = await idleWorker();
    worker.send({ type: 'heartbeat.missed' });
    expect(worker.getSnapshot().hasTag('accepting')).toBe(false);

    worker.send({ type: 'heartbeat.heard', isBusy });

    expect(worker.getSnapshot().value).toBe(to);
    expect(reports()).toEqual([report('worker.unresponsive'), report('worker.offering')]);
  });

  it('is replaced under a fresh id when it stays silent, and says why', async () => {
    const { worker, starts, stops, reports, reached } = await idleWorker();
    worker.send({ type: 'attempts.begun' });
    worker.send({ type: 'heartbeat.missed' });
    worker.send(events['worker.died']);
    expect(reports()).toEqual([report('worker.unresponsive'), report('worker.lost', { problem: 'gone' })]);
    expect(worker.getSnapshot().context).toMatchObject({ completed: 2, failed: 3 });

    stops[0]!.resolve();
    await reached('spawning');
    expect(starts.at(-1)!.workerId).toBe('worker-1.2');
  });

  it('waits for no end of what it does not hold when it is drained', async () => {
    const { worker, stops, reports } = await idleWorker();
    worker.send({ type: 'heartbeat.missed' });
    worker.send({ type: 'worker.drain' });
    expect(reports().at(-1)).toEqual(report('worker.withdrawn'));
    worker.send(ended(0));
    expect(stops).toHaveLength(1);
  });
});

describe('workerMachine, whose worker dies', () => {
  it('is broken when it held nothing, so that it is made again after a pause', async () => {
    const { worker, starts, reports } = await idleWorker();
    worker.send(events['worker.died']);
    expect(reports()).toEqual([report('worker.broken', { problem: 'gone' })]);

    worker.send({ type: 'worker.start' });
    expect(starts.at(-1)!.workerId).toBe('worker-1.2');
  });

  it.each<[command: 'worker.drain' | 'worker.retire', then: State]>([
    ['worker.drain', 'stopping'],
    ['worker.retire', 'recycling']
  ])('after %s is cleaned up at once, in %s', async (command, then) => {
    const { worker, reports } = await idleWorker();
    worker.send({ type: 'attempts.begun' });
    worker.send({ type: command });
    worker.send(events['worker.died']);
    expect(worker.getSnapshot().value).toBe(then);
    expect(reports().at(-1)).toEqual(report('worker.lost', { problem: 'gone' }));
  });
});

describe('workerMachine', () => {
  it('offers room once it is ready', async () => {
    const { worker, starts, reports, reached } = startWorker();
    expect(worker.getSnapshot().hasTag('accepting')).toBe(false);

    starts[0]!.resolve(spawn);
    await reached('idle');

    expect(worker.getSnapshot().context).toMatchObject({ incarnation: 1, spawnedAt: now });
    expect(worker.getSnapshot().hasTag('accepting')).toBe(true);
    expect(reports()).toEqual([report('worker.ready')]);
  });

  it('adds up what it did', async () => {
    const { worker } = await idleWorker();
    worker.send({ type: 'attempts.begun' });
    worker.send({ type: 'attempts.ended', taken: 3, completed: 2, failed: 1 });
    worker.send({ type: 'attempts.begun' });
    worker.send({ type: 'attempts.ended', taken: 4, completed: 0, failed: 1 });
    expect(worker.getSnapshot().context).toMatchObject({ completed: 2, failed: 2 });
  });

  it('finishes what it holds before it stops, and withdraws at once', async () => {
    const { worker, stops, reports, reached } = await idleWorker();
    worker.send({ type: 'attempts.begun' });

    worker.send({ type: 'worker.drain' });
    expect(reports()).toEqual([report('worker.withdrawn')]);
    expect(stops).toHaveLength(0);

    worker.send(ended(1));
    expect(stops.map(({ workerId }) => workerId)).toEqual(['worker-1']);
    stops[0]!.resolve();
    await reached('stopped');
    expect(reports()).toEqual([report('worker.withdrawn'), report('worker.stopped')]);
  });

  it('goes on under the same id when it is wanted again before it was empty', async () => {
    const { worker, stops, reports } = await idleWorker();
    worker.send({ type: 'attempts.begun' });
    worker.send({ type: 'worker.drain' });

    worker.send({ type: 'worker.start' });

    expect(worker.getSnapshot().value).toBe('busy');
    expect(reports()).toEqual([report('worker.withdrawn'), report('worker.offering')]);
    worker.send(ended(1));
    expect(worker.getSnapshot().value).toBe('idle');
    expect(stops).toHaveLength(0);
  });

  it('is parked when it stopped, and follows under a fresh id when it is wanted again', async () => {
    const { worker, starts, stops, reached } = await idleWorker();
    worker.send({ type: 'worker.drain' });
    stops[0]!.resolve();
    await reached('stopped');
    expect(worker.getSnapshot().hasTag('parked')).toBe(true);

    worker.send({ type: 'worker.start' });

    expect(starts.map(({ workerId }) => workerId)).toEqual(['worker-1', 'worker-1.2']);
    expect(worker.getSnapshot().context.spawnedAt).toBeNull();
  });

  it('is replaced under a fresh id when it has taken its last task', async () => {
    const { worker, starts, stops, reports, reached } = await idleWorker({ tasksPerWorker: 2 });
    worker.send({ type: 'attempts.begun' });
    worker.send(ended(1));
    worker.send({ type: 'attempts.begun' });
    worker.send(ended(2));
    expect(worker.getSnapshot().value).toBe('recycling');

    stops[0]!.resolve();
    await reached('spawning');
    starts[1]!.resolve({ ...spawn, at: now + 1 });
    await reached('idle');

    expect(reports()).toEqual([
      report('worker.withdrawn', { tasksPerWorker: 2 }),
      report('worker.stopped', { tasksPerWorker: 2 }),
      report('worker.ready', { tasksPerWorker: 2, workerId: 'worker-1.2', spawnedAt: now + 1 })
    ]);
  });

  it('is replaced in one step, which it does not report, where the next worker needs nothing', async () => {
    const { worker, starts, stops, reports } = await idleWorker({ tasksPerWorker: 2, tags: ['gpu'] });
    const successor: WorkerSpawn = { at: now + 1, tags: ['arm'] };
    worker.send({ type: 'attempts.begun' });
    worker.send({ type: 'attempts.ended', taken: 1, completed: 0, failed: 1, successor });
    expect(worker.getSnapshot().context).toMatchObject({ incarnation: 1, spawnedAt: now });
    worker.send({ type: 'attempts.begun' });
    worker.send({ type: 'attempts.ended', taken: 2, completed: 1, failed: 0, successor });

    expect(worker.getSnapshot()).toMatchObject({
      value: 'idle',
      context: { incarnation: 2, spawnedAt: now + 1, ownTags: ['arm'], completed: 1, failed: 1 }
    });
    expect([starts.length, stops.length, reports()]).toEqual([1, 0, []]);
  });

  it.each<[command: 'worker.drain' | 'worker.retire', then: State]>([
    ['worker.drain', 'stopping'],
    ['worker.retire', 'recycling']
  ])('after %s is cleaned up whatever could follow it', async (command, then) => {
    const { worker } = await idleWorker({ tasksPerWorker: 1 });
    worker.send({ type: 'attempts.begun' });
    worker.send({ type: command });
    worker.send({ ...ended(1), successor: spawn });
    expect(worker.getSnapshot()).toMatchObject({ value: then, context: { incarnation: 1 } });
  });

  it('is replaced when it is retired, once it is empty', async () => {
    const { worker, starts, stops, reached } = await idleWorker();
    worker.send({ type: 'attempts.begun' });
    worker.send({ type: 'worker.retire' });
    expect(worker.getSnapshot().value).toBe('retiring');

    worker.send(ended(1));
    stops[0]!.resolve();
    await reached('spawning');

    expect(starts.at(-1)!.workerId).toBe('worker-1.2');
  });

  it('is replaced even when its cleanup fails', async () => {
    const { worker, starts, stops, reached } = await idleWorker();
    worker.send({ type: 'worker.retire' });
    stops[0]!.reject(new Error('will not go'));
    await reached('spawning');
    expect(starts.at(-1)!.workerId).toBe('worker-1.2');
  });

  it('stops even when its cleanup fails', async () => {
    const { worker, stops, reached } = await idleWorker();
    worker.send({ type: 'worker.drain' });
    stops[0]!.reject(new Error('will not go'));
    expect((await reached('stopped')).context.incarnation).toBe(2);
  });

  it('says why it could not be made, and tries again when it is told to', async () => {
    const { worker, starts, reports, reached } = startWorker();
    starts[0]!.reject(new Error('no memory'));
    await reached('error');
    expect(reports()).toEqual([report('worker.broken', { problem: 'no memory', spawnedAt: null })]);

    worker.send({ type: 'worker.start' });

    expect(worker.getSnapshot()).toMatchObject({ value: 'spawning', context: { problem: null } });
    expect(starts.at(-1)!.workerId).toBe('worker-1.2');
  });

  it('never gives the id of a worker that broke to another one', async () => {
    const { worker, starts, reached } = startWorker();
    starts[0]!.reject(new Error('no memory'));
    await reached('error');
    worker.send({ type: 'worker.drain' });

    worker.send({ type: 'worker.start' });

    expect(starts.map(({ workerId }) => workerId)).toEqual(['worker-1', 'worker-1.2']);
  });

  it('stops a worker that is still being made', async () => {
    const { worker, starts, stops, reached } = startWorker();
    worker.send({ type: 'worker.drain' });
    starts[0]!.resolve(spawn);
    stops[0]!.resolve();
    expect((await reached('stopped')).context.spawnedAt).toBeNull();
  });

  it('tells its new limits to the fleet while it offers room', async () => {
    const { worker, reports } = await idleWorker();
    worker.send({ type: 'worker.configure', concurrency: 4, tasksPerWorker: 9, tags: ['gpu'] });
    expect(reports()).toEqual([
      report('worker.offering', { concurrency: 4, tasksPerWorker: 9, tags: ['gpu'] })
    ]);
  });

  it('offers the tags of its slot and its own, whatever the slot gets later', async () => {
    const { worker, starts, reports, reached } = startWorker({ tags: ['eu', 'gpu'] });
    starts[0]!.resolve({ at: now, tags: ['arm', 'gpu'] });
    await reached('idle');
    worker.send({ type: 'worker.configure', concurrency: 1, tasksPerWorker: null, tags: ['ssd'] });
    worker.send({ type: 'worker.configure', concurrency: 1, tasksPerWorker: null, tags: [] });

    expect(reports().map(({ tags }) => tags)).toEqual([
      ['arm', 'eu', 'gpu'],
      ['arm', 'gpu', 'ssd'],
      ['arm', 'gpu']
    ]);
  });

  it('does not hand its own tags on to the worker that follows', async () => {
    const { worker, starts, stops, reports, reached } = startWorker({ tags: ['gpu'] });
    starts[0]!.resolve({ at: now, tags: ['arm'] });
    await reached('idle');
    worker.send({ type: 'worker.retire' });
    stops[0]!.resolve();
    await reached('spawning');
    starts[1]!.resolve(spawn);
    await reached('idle');

    expect(reports().at(-1)).toEqual(report('worker.ready', { workerId: 'worker-1.2', tags: ['gpu'] }));
  });

  it('goes on from its last snapshot as the next incarnation', () => {
    const restored: WorkerContext = {
      ...contextIn('busy'),
      incarnation: 4,
      completed: 10,
      failed: 3,
      problem: 'old'
    };
    const { worker, starts } = startWorker({ restored, concurrency: 7 });
    expect(worker.getSnapshot().context).toEqual({
      slot: 'worker-1',
      incarnation: 5,
      concurrency: 7,
      tasksPerWorker: null,
      slotTags: [],
      ownTags: [],
      spawnedAt: null,
      completed: 10,
      failed: 3,
      joined: null,
      problem: null
    });
    expect(starts[0]!.workerId).toBe('worker-1.5');
  });

  it('needs no fleet: alone, it reports to nobody', async () => {
    const ready = fromPromise<WorkerSpawn, { workerId: string }>(() => Promise.resolve(spawn));
    const worker = createActor(workerMachine.provide({ actors: { startWorker: ready } }), { input }).start();
    await waitFor(worker, (snapshot) => snapshot.matches('idle'));
    worker.send({ type: 'worker.drain' });
    expect(worker.getSnapshot().value).toBe('stopping');
    worker.stop();
  });

  it.each(states)('survives a JSON round trip in %s', (state) => {
    const snapshot = workerMachine.resolveState({ value: state, context: contextIn(state) });
    const persisted = workerMachine.getPersistedSnapshot(snapshot as never) as unknown;
    const copy = JSON.parse(JSON.stringify(persisted)) as unknown;
    expect(copy).toEqual(persisted);
    const worker = createActor(workerMachine, { input, snapshot: copy as never });
    expect(worker.getSnapshot()).toMatchObject({ value: state, context: contextIn(state) });
  });
});

describe('the ports of workerMachine', () => {
  it.each(['startWorker', 'stopWorker'] as const)(
    '%s, not provided, fails with an instruction',
    async (port) => {
      const actor = createActor(workerMachine.implementations.actors[port] as AnyActorLogic, {
        input: { workerId: 'worker-1' }
      });
      const failure = toPromise(actor);
      actor.start();
      await expect(failure).rejects.toThrow(
        new RegExp(`^workerMachine: provide the actor \`${port}\`, which .+`)
      );
    }
  );

  it('shows the instruction as the reason why no worker can be made', async () => {
    const worker = createActor(workerMachine, { input }).start();
    const { context } = await waitFor(worker, (snapshot) => snapshot.matches('error'));
    expect(context.problem).toContain('provide the actor `startWorker`');
  });
});

describe('workerIdOf', () => {
  it.each([
    [1, 'worker-1'],
    [2, 'worker-1.2'],
    [10, 'worker-1.10']
  ])('names incarnation %d of a slot %s', (incarnation, id) => {
    expect(workerIdOf({ slot: 'worker-1', incarnation, joined: null })).toBe(id);
  });
});

function joining(changes: Partial<Joining> = {}): Joining {
  return {
    workerId: 'host-a',
    concurrency: 4,
    prefetch: 3,
    tags: ['gpu'],
    types: ['work'],
    problem: null,
    ...changes
  };
}

function unfit(): WorkerEvent {
  return { type: 'worker.joined', joining: joining({ problem: 'too old' }), isBusy: false };
}

function ended(taken: number) {
  return { type: 'attempts.ended', taken, completed: 1, failed: 0 } as const;
}

function contextIn(state: State): WorkerContext {
  return {
    slot: 'worker-1',
    incarnation: 1,
    concurrency: 1,
    tasksPerWorker: null,
    slotTags: [],
    ownTags: [],
    spawnedAt: state === 'spawning' ? null : now,
    completed: 0,
    failed: 0,
    joined: null,
    problem: state === 'error' ? 'Error: no' : null
  };
}

function step(from: State, event: WorkerEvent, changes: Partial<WorkerContext> = {}) {
  const snapshot = workerMachine.resolveState({ value: from, context: { ...contextIn(from), ...changes } });
  return transition(workerMachine, snapshot, event)[0];
}

function report(type: WorkerReport['type'], changes: Partial<WorkerReport> = {}): WorkerReport {
  return {
    type,
    slot: 'worker-1',
    workerId: 'worker-1',
    concurrency: 1,
    prefetch: 0,
    tasksPerWorker: null,
    tags: [],
    types: null,
    spawnedAt: spawn.at,
    problem: null,
    ...changes
  };
}

interface Call<T> {
  readonly workerId: string;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

/** A worker under a fleet that only listens; its ports wait for the test. */
function startWorker(changes: Partial<WorkerInput> = {}) {
  const starts: Call<WorkerSpawn>[] = [];
  const stops: Call<void>[] = [];
  const fleet = createActor(
    fromTransition((heard: readonly WorkerReport[], event: WorkerReport) => [...heard, event], [])
  ).start();
  const worker = createActor(
    workerMachine.provide({ actors: { startWorker: port(starts), stopWorker: port(stops) } }),
    { input: { ...input, ...changes }, parent: fleet }
  ).start();
  let from = 0;
  return {
    worker,
    starts,
    stops,
    /** What the fleet heard since the worker was idle first. */
    reports: () => fleet.getSnapshot().context.slice(from),
    forgetReports: () => {
      from = fleet.getSnapshot().context.length;
    },
    reached: (state: State) => waitFor(worker, (snapshot) => snapshot.matches(state))
  };
}

async function idleWorker(changes: Partial<WorkerInput> = {}) {
  const started = startWorker(changes);
  started.starts[0]!.resolve(spawn);
  await started.reached('idle');
  started.forgetReports();
  return started;
}

function port<T>(calls: Call<T>[]) {
  return fromPromise<T, { workerId: string }>(
    ({ input: { workerId } }) =>
      new Promise((resolve, reject) => {
        calls.push({ workerId, resolve, reject });
      })
  );
}
