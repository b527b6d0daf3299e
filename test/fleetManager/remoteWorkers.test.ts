import { describe, expect, it, vi } from 'vitest';
import {
  ConflictError,
  memoryStore,
  systemClock,
  ValidationError,
  type Executor,
  type FleetFact,
  type FleetManagerOptions,
  type Store,
  type StoredFleet
} from '../../src/index.ts';
import { failed, RemoteWorld } from '../executors/remoteWorld.ts';
import { faultyStore, gate, settled, startFleet, type TestFleet } from '../harness.ts';

type Work = { work: (data: unknown) => unknown; other: (data: unknown) => unknown };

describe('a worker that has come by itself', () => {
  it('is seen with what it said of itself, and is neither made nor stopped by the fleet', async () => {
    const { fleet, world, facts } = await startRemote();
    expect(await fleet.getWorkers()).toEqual([]);
    world.join('host-a', { concurrency: 3, tags: ['gpu', 'fast'], types: ['work', 'other'] });
    await settled();
    expect(await fleet.getWorkers()).toMatchObject([
      {
        id: 'host-a',
        status: 'idle',
        concurrency: 3,
        tags: ['fast', 'gpu'],
        types: ['other', 'work']
      }
    ]);
    expect(facts()).toEqual([{ type: 'worker.spawned', workerId: 'host-a' }]);
    await fleet.stop();
    expect(world.unexpectedCalls).toEqual([]);
  });

  it('is given as many tasks as it said, each dispatched until it begins and then running', async () => {
    const { fleet, world } = await startRemote();
    world.join('host-a', { concurrency: 2 });
    const keys = await submit(fleet, 3);
    expect(world.heldBy('host-a')).toHaveLength(2);
    expect(await statusesOf(fleet, keys)).toEqual(['dispatched', 'dispatched', 'queued']);

    world.begin(world.heldBy('host-a')[0]!);
    await settled();
    expect(await statusesOf(fleet, keys)).toEqual(['running', 'dispatched', 'queued']);
    expect(await fleet.getWorkers()).toMatchObject([{ status: 'active', taskIds: keys.slice(0, 2) }]);

    world.settle(world.heldBy('host-a')[0]!);
    expect(await fleet.waitFor(keys[0]!)).toBe('done');
    expect(await statusesOf(fleet, keys)).toEqual(['completed', 'dispatched', 'dispatched']);
  });

  it('is given as many ahead as it said beside those that it runs at once, from then on', async () => {
    const { fleet, world } = await startRemote();
    world.join('host-a', { concurrency: 1 });
    const keys = await submit(fleet, 4);
    expect(world.heldBy('host-a')).toHaveLength(1);
    expect(await fleet.getWorkers()).toMatchObject([{ concurrency: 1, prefetch: 0 }]);
    world.join('host-a', { concurrency: 1, prefetch: 2 });
    await settled();
    expect(world.heldBy('host-a')).toHaveLength(3);
    expect(await fleet.getWorkers()).toMatchObject([{ concurrency: 1, prefetch: 2 }]);
    world.join('host-a', { concurrency: 1, prefetch: 0 });
    world.settle(world.heldBy('host-a')[0]!);
    await settled();
    // Nothing is taken back, and nothing more is given.
    expect(world.heldBy('host-a')).toHaveLength(2);
    expect(await statusesOf(fleet, keys)).toEqual(['completed', 'dispatched', 'dispatched', 'queued']);
  });

  it('may say something else of itself later', async () => {
    const { fleet, world } = await startRemote();
    world.join('host-a', { types: ['other'] });
    const keys = await submit(fleet, 3);
    expect(world.heldBy('host-a')).toEqual([]);
    world.join('host-a', { concurrency: 3, types: ['other', 'work'] });
    await settled();
    expect(world.heldBy('host-a')).toHaveLength(3);
    world.join('host-a', { concurrency: 1, types: ['other', 'work'] });
    for (const attempt of world.heldBy('host-a').slice(0, 2)) world.settle(attempt);
    await settled();
    await submit(fleet, 1);
    expect(world.heldBy('host-a')).toHaveLength(1);
    expect(await statusesOf(fleet, keys)).toEqual(['completed', 'completed', 'dispatched']);
    expect(await fleet.getWorkers()).toMatchObject([{ concurrency: 1 }]);
  });

  it('that has a problem is shown with it and given nothing, until it has none', async () => {
    const { fleet, world, facts } = await startRemote();
    world.join('host-a', { problem: 'speaks version 2 of the protocol, and this is 1' });
    const [key] = await submit(fleet, 1);
    expect(await fleet.getWorkers()).toMatchObject([
      { id: 'host-a', status: 'unfit', problem: 'speaks version 2 of the protocol, and this is 1' }
    ]);
    expect(facts()).toEqual([
      {
        type: 'worker.unfit',
        workerId: 'host-a',
        problem: 'speaks version 2 of the protocol, and this is 1'
      }
    ]);
    expect(await statusesOf(fleet, [key!])).toEqual(['queued']);
    world.join('host-a');
    await settled();
    expect(world.heldBy('host-a')).toHaveLength(1);
    expect(await fleet.getWorkers()).toMatchObject([{ status: 'active' }]);
  });

  it('that gets a problem finishes what it holds', async () => {
    const { fleet, world } = await startRemote();
    world.join('host-a', { concurrency: 2 });
    const [key] = await submit(fleet, 1);
    world.join('host-a', { concurrency: 2, problem: 'disk full' });
    await settled();
    await submit(fleet, 1);
    expect(await fleet.getWorkers()).toMatchObject([{ status: 'unfit', taskIds: [key] }]);
    expect(world.heldBy('host-a')).toHaveLength(1);
    world.settle(world.heldBy('host-a')[0]!);
    expect(await fleet.waitFor(key!)).toBe('done');
    expect(await fleet.getWorkers()).toMatchObject([{ status: 'unfit', taskIds: [], completed: 1 }]);
  });

  it('that drains takes nothing more, and is gone when it has ended what it holds', async () => {
    const { fleet, world, facts } = await startRemote();
    world.join('host-a', { concurrency: 2 });
    const [key] = await submit(fleet, 1);
    world.drain('host-a');
    await submit(fleet, 1);
    expect(world.heldBy('host-a')).toHaveLength(1);
    expect(await fleet.getWorkers()).toMatchObject([{ status: 'draining' }]);
    world.settle(world.heldBy('host-a')[0]!);
    expect(await fleet.waitFor(key!)).toBe('done');
    await settled();
    expect(await fleet.getWorkers()).toEqual([]);
    world.leave('host-a');
    world.reports!.joined({ workerId: 'host-a', concurrency: 1, tags: [], types: ['work'], problem: null });
    await settled();
    expect(await fleet.getWorkers()).toEqual([]);
    expect(facts().map(({ type }) => type)).toEqual(['worker.spawned', 'worker.stopped']);
    expect(await fleet.getWorkers({ status: 'completed' })).toMatchObject([
      { id: 'host-a', completed: 1, types: ['work'] }
    ]);
  });

  it('that gives back what it has not begun is not charged for it', async () => {
    const { fleet, world } = await startRemote();
    world.join('host-a');
    const [key] = await submit(fleet, 1);
    const [attempt] = world.heldBy('host-a');
    world.drain('host-a');
    world.reports!.returned(attempt!);
    world.join('host-b');
    await settled();
    expect(await fleet.getTask(key!)).toMatchObject({
      status: 'dispatched',
      workerId: 'host-b',
      attempts: 2
    });
    expect(await fleet.getStats()).toMatchObject({ lostAttempts: 0 });
  });

  it('that is lost while its coming waits for a commit is given nothing', async () => {
    const { store, next } = faultyStore();
    const { fleet, world } = await startRemote({ store });
    const [isWriting, mayWrite] = [gate(), gate()];
    next(async (write) => {
      isWriting.open();
      await mayWrite.promise;
      return write();
    });
    const submitted = submit(fleet, 1);
    await isWriting.promise;
    world.join('host-a');
    world.kill('host-a');
    world.reports!.workerLost('host-a', 'its machine burns');
    mayWrite.open();
    const [key] = await submitted;
    expect(await fleet.getWorkers()).toEqual([]);
    expect(world.dispatched).toEqual([]);
    world.join('host-b');
    await settled();
    expect(await statusesOf(fleet, [key!])).toEqual(['dispatched']);
  });

  it('that is lost while tasks are claimed for it gives them back uncharged, and is given nothing more', async () => {
    const { store, next } = faultyStore();
    const world = new RemoteWorld();
    const inner = world.executor();
    const executor: Executor = {
      ...inner,
      dispatch: (attempts) => {
        inner.dispatch(attempts);
        // As one that finds nobody there.
        if (!world.isReachable('host-a'))
          queueMicrotask(() => attempts.forEach((ref) => world.giveBack(ref)));
      }
    };
    const { fleet } = await startFleet<Work>({ executor, store, config: { maxRecoveries: 0 } });
    world.join('host-a', { concurrency: 2 });
    await settled();
    const [isWriting, mayWrite] = [gate(), gate()];
    next(async (write) => {
      isWriting.open();
      await mayWrite.promise;
      return write();
    });
    const submitted = submit(fleet, 1);
    await isWriting.promise;
    world.kill('host-a');
    world.reports!.workerLost('host-a', 'its machine burns');
    mayWrite.open();
    const keys = await submitted;
    expect(world.dispatched).toEqual(['1.1 host-a']);
    expect(await statusesOf(fleet, keys)).toEqual(['queued']);
    expect(await fleet.getWorkers()).toEqual([]);
    expect(await fleet.getStats()).toMatchObject({ lostAttempts: 0 });
  });

  it('whose tasks come back because nobody is there is lost with that, and not given them again', async () => {
    const { fleet, world } = await startRemote({ config: { maxRecoveries: 0 } });
    world.join('host-a', { concurrency: 2 });
    const keys = await submit(fleet, 2);
    for (const seq of [1, 2]) world.giveBack({ seq, attempt: 1 });
    world.reports!.workerLost('host-a', 'it is not there');
    await settled();
    expect(world.dispatched).toEqual(['1.1 host-a', '2.1 host-a']);
    expect(await statusesOf(fleet, keys)).toEqual(['queued', 'queued']);
    expect(await fleet.getStats()).toMatchObject({ lostAttempts: 0 });
  });

  it('that leaves loses what it still held', async () => {
    const { fleet, world } = await startRemote();
    world.join('host-a');
    const [key] = await submit(fleet, 1);
    world.begin(world.heldBy('host-a')[0]!);
    await settled();
    world.leave('host-a');
    world.join('host-b');
    await settled();
    expect(await fleet.getTask(key!)).toMatchObject({
      status: 'dispatched',
      workerId: 'host-b',
      attempts: 2,
      error: 'Worker host-a ended, and had not finished it'
    });
    expect(await fleet.getStats()).toMatchObject({ lostAttempts: 1, retriedAttempts: 0 });
  });

  it.each([
    ['workerId', { workerId: 'a b' }],
    ['concurrency', { concurrency: 0 }],
    ['prefetch', { prefetch: -1 }],
    ['tags[1]', { tags: ['gpu', 'gpu'] }],
    ['types[0]', { types: [' '] }]
  ])('is refused where its %s cannot be', async (path, changes) => {
    const { world, fleet } = await startRemote();
    expect(() => world.join('host-a', changes)).toThrow(
      expect.objectContaining({ code: 'ERR_VALIDATION', argument: `worker.${path}` })
    );
    await settled();
    expect(await fleet.getWorkers()).toEqual([]);
  });

  it('leaves its place to the next one: there are as many as there were workers at once', async () => {
    const { fleet, world } = await startRemote();
    for (let number = 1; number <= 50; number++) {
      world.join(`old-${number}`);
      world.join(`new-${number}`);
      await settled();
      world.leave(`old-${number}`);
      world.leave(`new-${number}`);
      await settled();
    }
    const names = Object.keys(fleet.actor.getSnapshot().children);
    expect(names.filter((name) => name.startsWith('worker-'))).toEqual(['worker-1', 'worker-2']);
    expect(await fleet.getStats()).toMatchObject({ workerCount: 0 });
    expect(fleet.actor.getSnapshot().context.slots).toBe(2);
  });

  it('is one step of the fleet with all that come at the same time', async () => {
    const joined: number[] = [];
    const { fleet, world } = await startRemote({
      inspect: (event) => {
        if (event.type !== '@xstate.event' || event.event.type !== 'workers.joined') return;
        joined.push((event.event as unknown as { workers: unknown[] }).workers.length);
      }
    });
    for (let number = 1; number <= 1_000; number++) world.join(`host-${number}`);
    await settled();
    expect(joined).toEqual([1_000]);
    expect(await fleet.getStats()).toMatchObject({ workerCount: 1_000 });
  });
});

describe('a task for workers elsewhere', () => {
  it('goes to a worker that has its handler and all its tags', async () => {
    const { fleet, world } = await startRemote();
    world.join('plain', { concurrency: 9 });
    world.join('gpu', { concurrency: 9, tags: ['gpu'] });
    world.join('other', { concurrency: 9, tags: ['gpu'], types: ['other'] });
    await settled();
    const batchId = await fleet.submitBatch([
      { id: 'a', type: 'work', data: null },
      { id: 'b', type: 'work', data: null, tags: ['gpu'] },
      { id: 'c', type: 'other', data: null },
      { id: 'd', type: 'other', data: null, tags: ['gpu'] }
    ]);
    await settled();
    const tasks = await fleet.listTasks({ batchId });
    expect(tasks.map(({ workerId }) => workerId)).toEqual(['plain', 'gpu', 'other', 'other']);
  });

  it('that nobody can take waits in nobody’s way, is counted by type and tags, and told of once', async () => {
    const { fleet, world, clock, facts } = await startRemote();
    world.join('host-a', { tags: ['gpu'], concurrency: 9 });
    await settled();
    await fleet.submitAsync('work', null, { tags: ['tpu'] });
    await fleet.submitAsync('other', null);
    await fleet.submitAsync('other', null);
    await submit(fleet, 1);
    expect(world.heldBy('host-a')).toHaveLength(1);
    expect(await fleet.getStats()).toMatchObject({
      unroutableTasks: 3,
      unroutableKinds: [
        { type: 'work', tags: ['tpu'], tasks: 1 },
        { type: 'other', tags: [], tasks: 2 }
      ]
    });
    const told = () => facts().filter(({ type }) => type === 'tasks.unroutable');
    await clock.advance(fleet.config.heartbeatTimeoutMs - 1);
    expect(told()).toEqual([]);
    await clock.advance(fleet.config.heartbeatTimeoutMs);
    expect(told()).toEqual([
      { type: 'tasks.unroutable', taskType: 'work', tags: ['tpu'] },
      { type: 'tasks.unroutable', taskType: 'other', tags: [] }
    ]);
    world.join('host-b', { types: ['other'], concurrency: 9 });
    await settled();
    expect(world.heldBy('host-b')).toHaveLength(2);
    expect(await fleet.getStats()).toMatchObject({ unroutableTasks: 1 });
  });

  it('that settles before anybody told that it began has settled', async () => {
    const { fleet, world } = await startRemote();
    world.join('host-a', { concurrency: 2 });
    const keys = await submit(fleet, 2);
    const [first, second] = world.heldBy('host-a');
    world.settle(first!);
    world.settle(second!, failed);
    await settled();
    expect(await statusesOf(fleet, keys)).toEqual(['completed', 'backingOff']);
    world.reports!.started(first!);
    world.reports!.started(second!);
    await settled();
    expect(await statusesOf(fleet, keys)).toEqual(['completed', 'backingOff']);
  });

  it('has its time from when it began, and not while it waits in its worker', async () => {
    const { fleet, world, clock } = await startRemote();
    world.join('host-a');
    const { key } = await fleet.submitAsync('work', null, { timeoutMs: 1_000, maxRetries: 0 });
    await clock.advance(20_000);
    expect(await statusesOf(fleet, [key])).toEqual(['dispatched']);
    const [attempt] = world.heldBy('host-a');
    world.begin(attempt!);
    await clock.advance(999);
    expect(await statusesOf(fleet, [key])).toEqual(['running']);
    await clock.advance(1);
    expect(await statusesOf(fleet, [key])).toEqual(['timedOut']);
    expect(world.abortOf(attempt!)).toBe('timeout');
  });

  it('has its time from when its begin is durable: that of the commit is not charged to it', async () => {
    const { store, next } = faultyStore();
    const { fleet, world, clock } = await startRemote({ store });
    world.join('host-a');
    const { key } = await fleet.submitAsync('work', null, { timeoutMs: 1_000, maxRetries: 0 });
    await settled();
    const slow = gate();
    next(async (write) => {
      await slow.promise;
      return write();
    });
    world.begin(world.heldBy('host-a')[0]!);
    await settled();
    await clock.advance(800);
    slow.open();
    await settled();
    await clock.advance(999);
    expect(await statusesOf(fleet, [key])).toEqual(['running']);
    await clock.advance(1);
    expect(await statusesOf(fleet, [key])).toEqual(['timedOut']);
  });

  it('that is cancelled before it began is taken back', async () => {
    const { fleet, world } = await startRemote();
    world.join('host-a');
    const [key] = await submit(fleet, 1);
    expect(await fleet.cancelTask(key!)).toBe(true);
    await settled();
    expect(world.heldBy('host-a')).toEqual([]);
    expect(await statusesOf(fleet, [key!])).toEqual(['cancelled']);
    await submit(fleet, 1);
    expect(world.heldBy('host-a')).toHaveLength(1);
  });

  it('that hangs beyond its grace keeps its place, and nobody is replaced', async () => {
    const { fleet, world, clock, facts } = await startRemote({ config: { cancelGraceMs: 500 } });
    world.join('host-a');
    const { key } = await fleet.submitAsync('work', null, { timeoutMs: 1_000, maxRetries: 0 });
    await settled();
    const [attempt] = world.heldBy('host-a');
    world.begin(attempt!);
    await clock.advance(1_000);
    await clock.advance(5_000);
    expect(await statusesOf(fleet, [key])).toEqual(['timedOut']);
    const [next] = await submit(fleet, 1);
    expect(await statusesOf(fleet, [next!])).toEqual(['queued']);
    expect(await fleet.getStats()).toMatchObject({ stuckWorkers: 1, workerCount: 1 });
    expect(facts().map(({ type }) => type)).toEqual(['worker.spawned']);

    world.settle(attempt!);
    await settled();
    expect(await statusesOf(fleet, [next!])).toEqual(['dispatched']);
    expect(await fleet.getStats()).toMatchObject({ stuckWorkers: 0, lateOutcomes: 1 });
  });
});

describe('a remote worker that is not heard', () => {
  it('is unresponsive after two heartbeats, given nothing, and taken back when it is heard', async () => {
    const { fleet, world, clock } = await startRemote();
    world.join('host-a', { concurrency: 2 });
    const [key] = await submit(fleet, 1);
    await clock.advance(0);
    world.cutOff('host-a');
    await clock.advance(3 * fleet.config.heartbeatMs);
    expect(await fleet.getWorkers()).toMatchObject([{ status: 'unresponsive' }]);
    await submit(fleet, 1);
    expect(world.heldBy('host-a')).toHaveLength(1);
    world.reports!.heartbeat('host-a');
    await settled();
    expect(await fleet.getWorkers()).toMatchObject([{ status: 'active' }]);
    expect(world.heldBy('host-a')).toHaveLength(2);
    expect(await fleet.getTask(key!)).toMatchObject({ attempts: 1 });
  });

  it('for too long loses what it holds, once; what it still says of that is late', async () => {
    const { fleet, world, clock, facts } = await startRemote();
    world.join('host-a');
    const [key] = await submit(fleet, 1);
    const [attempt] = world.heldBy('host-a');
    world.begin(attempt!);
    await settled();
    world.cutOff('host-a');
    await clock.advance(fleet.config.heartbeatTimeoutMs + 2 * fleet.config.heartbeatMs);
    expect(await fleet.getTask(key!)).toMatchObject({ status: 'queued', attempts: 1 });
    expect(await fleet.getWorkers()).toEqual([]);
    expect(facts().map(({ type }) => type)).toEqual([
      'worker.spawned',
      'worker.unresponsive',
      'worker.lost',
      'worker.stopped'
    ]);
    expect(world.abortOf(attempt!)).toBe('lost');

    world.join('host-b');
    await settled();
    expect(await fleet.getTask(key!)).toMatchObject({ status: 'dispatched', attempts: 2 });
    world.settle(attempt!);
    world.settle(attempt!, failed);
    await settled();
    expect(await fleet.getTask(key!)).toMatchObject({ status: 'dispatched', attempts: 2 });
    world.settle(world.heldBy('host-b')[0]!);
    expect(await fleet.waitFor(key!)).toBe('done');
    expect(await fleet.getStats()).toMatchObject({ lostAttempts: 1, lateOutcomes: 2, completedTasks: 1 });
  });

  it('for too long is remembered with what it had done, and when it was heard last', async () => {
    const { fleet, world, clock } = await startRemote();
    world.join('host-a');
    const [key] = await submit(fleet, 1);
    world.settle(world.heldBy('host-a')[0]!);
    await fleet.waitFor(key!);
    await clock.advance(fleet.config.heartbeatMs);
    const heardAt = (await fleet.getWorkers())[0]!.lastHeartbeatAt;
    expect(heardAt).not.toBeNull();
    world.cutOff('host-a');
    await clock.advance(fleet.config.heartbeatTimeoutMs + 2 * fleet.config.heartbeatMs);
    expect(await fleet.getWorkers({ status: 'completed' })).toMatchObject([
      { id: 'host-a', completed: 1, failed: 0, lastHeartbeatAt: heardAt }
    ]);
  });

  it('and then is, is taken back with what it said last', async () => {
    const { fleet, world, clock } = await startRemote();
    world.join('host-a', { concurrency: 2, tags: ['gpu'] });
    await settled();
    world.cutOff('host-a');
    await clock.advance(fleet.config.heartbeatTimeoutMs + 2 * fleet.config.heartbeatMs);
    expect(await fleet.getWorkers()).toEqual([]);
    world.reconnect('host-a');
    world.reports!.heartbeat('host-a');
    await settled();
    expect(await fleet.getWorkers()).toMatchObject([
      { id: 'host-a', status: 'idle', concurrency: 2, tags: ['gpu'] }
    ]);
    await submit(fleet, 3);
    expect(world.heldBy('host-a')).toHaveLength(2);
  });

  it('in which an attempt has timed out keeps the others', async () => {
    const { fleet, world, clock } = await startRemote();
    world.join('host-a', { concurrency: 2 });
    await fleet.submitAsync('work', null, { timeoutMs: 100, maxRetries: 0 });
    const [other] = await submit(fleet, 1);
    for (const attempt of world.heldBy('host-a')) world.begin(attempt);
    await settled();
    world.cutOff('host-a');
    await clock.advance(3 * fleet.config.heartbeatMs);
    expect(await fleet.getWorkers()).toMatchObject([{ status: 'unresponsive' }]);
    expect(await statusesOf(fleet, [other!])).toEqual(['running']);
  });

  it('three times in a row with the same task makes that poison', async () => {
    const { fleet, world } = await startRemote({ config: { maxRecoveries: 3 } });
    const [key] = await submit(fleet, 1);
    const [bystander] = await submit(fleet, 1);
    for (let number = 1; number <= 4; number++) {
      world.join(`host-${number}`);
      await settled();
      world.begin(world.heldBy(`host-${number}`)[0]!);
      await settled();
      world.kill(`host-${number}`);
      world.reports!.workerLost(`host-${number}`, 'its process ended');
      await settled();
    }
    await expect(fleet.waitFor(key!)).rejects.toMatchObject({
      result: { attempts: 4, failure: { name: 'PoisonTaskError' } }
    });
    expect(await statusesOf(fleet, [bystander!])).toEqual(['queued']);
  });
});

describe('a fleet with workers elsewhere', () => {
  it('that stops leaves running what runs, and finds it again', async () => {
    const process = await startRemote();
    const { world } = process;
    world.join('host-a', { concurrency: 3 });
    const keys = await submit(process.fleet, 4);
    const [running, waiting, ended] = world.heldBy('host-a');
    world.begin(running!);
    await settled();
    await process.fleet.stop({ graceful: false });
    expect(world.heldBy('host-a')).toHaveLength(3);
    expect(world.abortOf(running!)).toBeNull();
    world.settle(ended!);

    const { fleet } = await process.restart({ executor: world.executor() });
    await settled();
    // The place that has become free in the worker is the last task's.
    expect(await statusesOf(fleet, keys)).toEqual(['running', 'dispatched', 'completed', 'dispatched']);
    expect(await fleet.getWorkers()).toMatchObject([{ id: 'host-a', status: 'active' }]);
    world.settle(running!);
    world.settle(waiting!);
    world.settle(world.heldBy('host-a')[0]!);
    await settled();
    expect(await statusesOf(fleet, keys)).toEqual(Array(4).fill('completed'));
    expect(world.dispatched).toEqual(['1.1 host-a', '2.1 host-a', '3.1 host-a', '4.1 host-a']);
    expect(await fleet.getStats()).toMatchObject({ lostAttempts: 0, lateOutcomes: 0 });
  });

  it('that stops gracefully waits for what runs within its time, and then leaves it', async () => {
    const process = await startRemote();
    const { world, clock, fleet } = process;
    world.join('host-a', { concurrency: 2 });
    const keys = await submit(fleet, 3);
    const [first] = world.heldBy('host-a');
    const stopped = fleet.stop({ timeoutMs: 1_000 });
    await settled();
    world.settle(first!);
    await settled();
    await clock.advance(1_000);
    await stopped;
    const next = await process.restart({ executor: world.executor() });
    await settled();
    expect(await statusesOf(next.fleet, keys)).toEqual(['completed', 'dispatched', 'dispatched']);
    expect(world.dispatched).toEqual(['1.1 host-a', '2.1 host-a', '3.1 host-a']);
  });

  it('that crashes takes up what runs, and loses what is not there any more', async () => {
    const process = await startRemote();
    const { world } = process;
    world.join('host-a');
    world.join('host-b');
    const keys = await submit(process.fleet, 2);
    for (const id of ['host-a', 'host-b']) world.begin(world.heldBy(id)[0]!);
    await settled();
    await process.crash();
    world.kill('host-b');
    const { fleet } = await process.restart({ executor: world.executor() });
    await settled();
    const tasks = await Promise.all(keys.map((key) => fleet.getTask(key)));
    expect(tasks).toMatchObject([
      { status: 'running', workerId: 'host-a', attempts: 1 },
      { status: 'queued', attempts: 1 }
    ]);
    expect(await fleet.getStats()).toMatchObject({ lostAttempts: 1 });
  });

  it('that crashes tells who waits for a turn only when all is committed that it was told of before', async () => {
    const process = await startRemote({ store: pagedStore() });
    const { world } = process;
    const count = 2_001;
    world.join('host-a', { concurrency: count });
    await submit(process.fleet, count);
    await process.crash();
    for (const attempt of world.heldBy('host-a')) world.settle(attempt);
    const executor = world.executor();
    let told = 0;
    const safe: boolean[] = [];
    // As an executor that then removes what it keeps of them.
    const waitForTurn = async (upTo: number): Promise<void> => {
      await world.reports!.nextTurn();
      safe.push((await process.store.readHead('test'))!.settledSeq >= upTo);
    };
    const { fleet } = await process.restart({
      executor: {
        ...executor,
        async reattach(held) {
          const fates = await executor.reattach(held);
          const upTo = (told += fates.length);
          systemClock.setSoon(() => void waitForTurn(upTo));
          return fates;
        }
      }
    });
    await vi.waitFor(() => expect(safe).toEqual([true, true, true]));
    expect(await fleet.getStats()).toMatchObject({ completedTasks: count });
  });

  it('that crashes finds a worker busy with what it holds: when that drains, it is waited for', async () => {
    const process = await startRemote();
    const { world } = process;
    world.join('host-a', { concurrency: 2 });
    const [key] = await submit(process.fleet, 1);
    await process.crash();
    const { fleet } = await process.restart({ executor: world.executor() });
    await settled();
    world.drain('host-a');
    await settled();
    expect(await fleet.getWorkers()).toMatchObject([{ status: 'draining', taskIds: [key] }]);
    world.settle(world.heldBy('host-a')[0]!);
    expect(await fleet.waitFor(key!)).toBe('done');
    await settled();
    expect(await fleet.getWorkers()).toEqual([]);
  });

  it('that crashes loses in time what a worker holds that never comes back', async () => {
    const process = await startRemote();
    const { world, clock } = process;
    world.join('host-a');
    const [key] = await submit(process.fleet, 1);
    await process.crash();
    world.cutOff('host-a');
    const { fleet } = await process.restart({ executor: world.executor() });
    await settled();
    expect(await statusesOf(fleet, [key!])).toEqual(['dispatched']);
    await clock.advance(fleet.config.heartbeatTimeoutMs + fleet.config.heartbeatMs);
    expect(await statusesOf(fleet, [key!])).toEqual(['queued']);
    world.join('host-b');
    await settled();
    expect(await fleet.getTask(key!)).toMatchObject({ workerId: 'host-b', attempts: 2 });
  });

  it('that crashes counts the time of an attempt from when it began, and leaves some for what is on its way', async () => {
    const process = await startRemote();
    const { world, clock } = process;
    world.join('host-a', { concurrency: 2 });
    const { key } = await process.fleet.submitAsync('work', null, { timeoutMs: 60_000, maxRetries: 0 });
    const long = await process.fleet.submitAsync('work', null, { timeoutMs: 600_000, maxRetries: 0 });
    await settled();
    for (const attempt of world.heldBy('host-a')) world.begin(attempt);
    await settled();
    await process.crash();
    await clock.advance(300_000);
    const { fleet } = await process.restart({ executor: world.executor() });
    await clock.advance(9_999);
    expect(await statusesOf(fleet, [key, long.key])).toEqual(['running', 'running']);
    await clock.advance(1);
    expect(await statusesOf(fleet, [key, long.key])).toEqual(['timedOut', 'running']);
    await clock.advance(289_999);
    expect(await statusesOf(fleet, [long.key])).toEqual(['running']);
    await clock.advance(1);
    expect(await statusesOf(fleet, [long.key])).toEqual(['timedOut']);
  });

  it('that crashes while it cancels asks again', async () => {
    const process = await startRemote();
    const { world } = process;
    world.join('host-a');
    const [key] = await submit(process.fleet, 1);
    const [attempt] = world.heldBy('host-a');
    world.begin(attempt!);
    await settled();
    await process.fleet.cancelTask(key!);
    await process.crash();
    const aborted: string[] = [];
    const executor = world.executor();
    const { fleet } = await process.restart({
      executor: {
        ...executor,
        abort: (ref, cause) => {
          aborted.push(`${ref.seq}.${ref.attempt} ${cause.kind}`);
          executor.abort(ref, cause);
        }
      }
    });
    expect(aborted).toEqual(['1.1 cancelled']);
    world.settle(attempt!);
    await settled();
    expect(await statusesOf(fleet, [key!])).toEqual(['cancelled']);
  });

  it('does not decide how many workers there are', async () => {
    const { fleet, world } = await startRemote();
    await expect(fleet.scaleWorkers(3)).rejects.toThrow(ConflictError);
    await expect(fleet.updateConfig({ autoscale: {} })).rejects.toThrow(ValidationError);
    await expect(fleet.updateConfig({ workerConcurrency: 2 })).rejects.toThrow(/config.workerConcurrency/);
    await fleet.updateConfig({ maxRetries: 1 });
    await expect(startRemote({ config: { maxConcurrentWorkers: 3 } })).rejects.toThrow(
      /options.config.maxConcurrentWorkers/
    );
    // More than any default would let run.
    for (let number = 1; number <= 30; number++) world.join(`host-${number}`, { concurrency: 2 });
    await submit(fleet, 60);
    expect(world.dispatched).toHaveLength(60);
  });

  it('whose claim is refused by its store dispatches it once', async () => {
    const { store, next } = faultyStore();
    const { fleet, world, clock } = await startRemote({ store });
    const [key] = await submit(fleet, 1);
    next(() => Promise.reject(new Error('away')));
    world.join('host-a');
    await settled();
    expect(world.dispatched).toEqual([]);
    await clock.advance(1_000);
    expect(world.dispatched).toEqual(['1.1 host-a']);
    expect(await statusesOf(fleet, [key!])).toEqual(['dispatched']);
  });
});

type RemoteFleet = TestFleet<Work> & { readonly world: RemoteWorld; facts(): FleetFact[] };

/** A fleet whose workers are elsewhere. What it tells of workers and of what nobody can take is kept. */
async function startRemote(options: Partial<FleetManagerOptions<Work>> = {}): Promise<RemoteFleet> {
  const world = new RemoteWorld();
  const process = await startFleet<Work>({ executor: world.executor(), ...options });
  const facts: FleetFact[] = [];
  process.fleet.on('*', (fact) => {
    if (fact.type.startsWith('worker.') || fact.type === 'tasks.unroutable') facts.push(fact);
  });
  return { ...process, world, facts: () => facts };
}

/** Rows come out of it as out of a file: 1,000 at a time, and others act between. */
function pagedStore(): Store {
  const inner = memoryStore();
  async function* pagesOf(tasks: StoredFleet['tasks']): StoredFleet['tasks'] {
    for await (const rows of tasks) {
      for (let from = 0; from < rows.length; from += 1_000) {
        yield rows.slice(from, from + 1_000);
        await settled();
      }
    }
  }
  return {
    ...inner,
    open: async (scope, owner) => {
      const stored = await inner.open(scope, owner);
      return { ...stored, tasks: pagesOf(stored.tasks) };
    }
  };
}

/** @returns Keys of tasks of the type `work`, which have been taken in and dispatched as far as there was room. */
async function submit(fleet: RemoteFleet['fleet'], count: number): Promise<string[]> {
  const keys: string[] = [];
  for (let number = 0; number < count; number++) keys.push((await fleet.submitAsync('work', null)).key);
  await settled();
  return keys;
}

async function statusesOf(fleet: RemoteFleet['fleet'], keys: readonly string[]): Promise<string[]> {
  const tasks = await Promise.all(keys.map((key) => fleet.getTask(key)));
  return tasks.map(({ status }) => status);
}
