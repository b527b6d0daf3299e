import type { InspectionEvent } from 'xstate';
import { describe, expect, it, vi } from 'vitest';
import { FleetManager, StoreError, ValidationError, type RowSamples } from '../../src/index.ts';
import { faultyStore, gate, settled, startFleet } from '../harness.ts';
import { rowLog, shadowOf } from './inspector.ts';

const noop = (id: string, type = 'noop') => ({ id, type: type as 'noop', data: null });
const noops = (count: number) => Array.from({ length: count }, (_, index) => noop(String(index)));
const handlers = { noop: () => {}, other: () => {} };

describe('an inspector', () => {
  it('sees a task and its batch go through their charts', async () => {
    const log = rowLog();
    let failures = 1;
    const { fleet, clock } = await startFleet({
      handlers: {
        flaky: () => {
          if (failures-- > 0) throw new Error('no luck');
        }
      },
      inspect: log.inspect
    });
    await fleet.submitBatch([{ id: 'a', type: 'flaky', data: null }], { batchId: 'monday' });
    await clock.advance(100);

    expect(log.of('task:monday/a')).toEqual([
      'queued <- xstate.init',
      'dispatched <- task.claim',
      'running <- attempt.started',
      'backingOff <- attempt.failed',
      'queued <- task.due',
      'dispatched <- task.claim',
      'running <- attempt.started',
      'completed (done) <- attempt.completed'
    ]);
    expect(log.of('batch:monday').at(0)).toBe('accepting <- xstate.init');
    expect(log.of('batch:monday').at(-1)).toBe('completed (done) <- tasks.counted');
    await fleet.stop();
  });

  it('sees a row as a child of the fleet, under a name that a person knows', async () => {
    const told: InspectionEvent[] = [];
    const { fleet } = await startFleet({ handlers, inspect: (event) => told.push(event) });
    await fleet.submit('noop', null, { id: 'a' });

    const first = told.filter((event) => shadowOf(event)?.id === 'task:a').slice(0, 3);
    const { sessionId } = fleet.actor;
    expect(first.map(({ type, rootId }) => [type, rootId])).toEqual([
      ['@xstate.actor', sessionId],
      ['@xstate.event', sessionId],
      ['@xstate.snapshot', sessionId]
    ]);
    const shadow = shadowOf(first[0]!)!;
    expect(shadow.sessionId).toBe(`${sessionId}/task:a`);
    expect(shadow._parent).toBe(fleet.actor);
    expect(JSON.parse(JSON.stringify({ shadow }))).toEqual({ shadow: { xstate$$type: 1, id: 'task:a' } });
    await fleet.stop();
  });

  it('changes nothing by sending to a row', async () => {
    const open = gate();
    const log = rowLog();
    const { fleet } = await startFleet({
      handlers: { wait: () => open.promise },
      inspect(event) {
        log.inspect(event);
        const shadow = shadowOf(event) as { send: (event: { type: string }) => void } | null;
        shadow?.send({ type: 'task.cancel' });
      }
    });
    const done = fleet.submit('wait', null, { id: 'a' });
    await settled();
    expect(log.of('task:a').at(-1)).toBe('running <- attempt.started');
    open.open();
    await done;
    expect(log.of('task:a').at(-1)).toBe('completed (done) <- attempt.completed');
    await fleet.stop();
  });

  it('that throws at every row is reported, and sees the others all the same; the work is done', async () => {
    const reported: unknown[] = [];
    const bad = new Error('bad inspector');
    const log = rowLog();
    const { fleet } = await startFleet({
      handlers,
      inspect: {
        next(event) {
          log.inspect(event);
          if (shadowOf(event) !== null) throw bad;
        }
      },
      onListenerError: (error) => reported.push(error)
    });
    await fleet.submitBatch(noops(10), { batchId: 'b' });
    expect(await fleet.waitForBatch('b')).toMatchObject({ completedTasks: 10 });
    expect(new Set(reported)).toEqual(new Set([bad]));
    for (const { id } of noops(10)) {
      expect(log.of(`task:b/${id}`)).toEqual([
        'queued <- xstate.init',
        'dispatched <- task.claim',
        'running <- attempt.started',
        'completed (done) <- attempt.completed'
      ]);
    }
    await fleet.stop();
  });

  it.each<[how: string, stop: (fleet: FleetManager<typeof handlers>) => unknown]>([
    ['gracefully', (fleet) => fleet.stop()],
    ['at once', (fleet) => fleet.stop({ graceful: false })],
    ['as a parent does', (fleet) => fleet.actor.stop()]
  ])('may stop the fleet where it sees a task run: %s', async (_, stop) => {
    const warn = vi.spyOn(console, 'warn');
    const log = rowLog();
    let fleet: FleetManager<typeof handlers> | null = null;
    let hasStopped = false;
    let stopped: unknown;
    const started = await startFleet({
      handlers,
      inspect(event) {
        log.inspect(event);
        if (event.type !== '@xstate.snapshot' || shadowOf(event)?.getSnapshot().value !== 'running') return;
        if (hasStopped) return;
        hasStopped = true;
        stopped = stop(fleet!);
      }
    });
    ({ fleet } = started);
    // A parent does not wait until the caller was answered.
    await fleet.submitBatch(noops(5), { batchId: 'b' }).catch(() => {});
    await settled();
    expect(hasStopped).toBe(true);
    await stopped;
    expect([...log.live]).toEqual([]);
    // XState says so when something is sent to an actor that has ended.
    expect(warn).not.toHaveBeenCalled();

    const next = await started.restart({ inspect: () => {} });
    expect(await next.fleet.waitForBatch('b')).toMatchObject({ completedTasks: 5 });
    await next.fleet.stop();
  });

  it('may stop the actor where it sees a worker become busy: no handler starts, and no time begins', async () => {
    const warn = vi.spyOn(console, 'warn');
    const ran: string[] = [];
    let stop: (() => void) | null = null;
    const { fleet, clock } = await startFleet({
      handlers: { work: (_: unknown, { key }) => void ran.push(key) },
      inspect(event) {
        if (event.type === '@xstate.snapshot' && event.event.type === 'attempts.begun') stop?.();
      }
    });
    stop = () => fleet.actor.stop();
    await fleet.submitBatch([{ id: 'a', type: 'work', data: null }], { batchId: 'b' }).catch(() => {});
    await settled();
    expect({ ran, alarms: clock.pending }).toEqual({ ran: [], alarms: 0 });
    expect(warn).not.toHaveBeenCalled();
  });

  it('sees nothing of a turn that was refused, and all of it once it is durable', async () => {
    const log = rowLog();
    const { store, next } = faultyStore();
    const { fleet, clock } = await startFleet({ handlers, store, inspect: log.inspect });
    await settled();
    next(() => Promise.reject(new StoreError('ERR_STORE_FULL', 'The disk is full', 'refused')));
    await expect(fleet.submit('noop', null, { id: 'a' })).rejects.toThrow(/disk is full/);
    expect(log.lines).toEqual([]);

    await clock.advance(1_000);
    next(async (write) => {
      await write();
      throw new StoreError('ERR_STORE_IO', 'fsync failed', 'unknown');
    });
    const done = fleet.submit('noop', null, { id: 'b' });
    await clock.advance(1_000);
    await done;
    expect(log.of('task:a')).toEqual([]);
    expect(log.of('task:b')).toEqual([
      'queued <- xstate.init',
      'dispatched <- task.claim',
      'running <- attempt.started',
      'completed (done) <- attempt.completed'
    ]);
    await fleet.stop();
  });
});

describe('after a restart', () => {
  it('rows appear in the state that they are in', async () => {
    const never = gate();
    const { fleet, clock, crash, restart } = await startFleet({
      handlers: { wait: () => never.promise },
      config: { maxConcurrentWorkers: 1 }
    });
    await fleet.schedule('hourly', { everyMs: 3_600_000 }, { type: 'wait', data: null });
    await fleet.submitBatch(
      ['a', 'b'].map((id) => ({ id, type: 'wait' as const, data: null })),
      { batchId: 'x' }
    );
    await fleet.pauseBatch('x');
    await settled();
    await crash();

    const log = rowLog();
    const next = await restart({ inspect: log.inspect });
    expect(log.take()).toEqual([
      'task:x/a running <- xstate.init',
      'task:x/b queued <- xstate.init',
      'batch:x paused <- xstate.init',
      'schedule:hourly active <- xstate.init'
    ]);
    await clock.advance(0);
    expect(log.of('task:x/a')).toEqual(['queued <- attempt.lost']);
    await next.fleet.stop({ graceful: false });
  });

  it('those of the run that ended have stopped', async () => {
    const log = rowLog();
    const never = gate();
    const { fleet, restart } = await startFleet({
      handlers: { wait: () => never.promise },
      inspect: log.inspect
    });
    await fleet.submitBatch([{ id: 'a', type: 'wait', data: null }], { batchId: 'x' });
    await settled();
    await fleet.stop({ graceful: false });
    expect(log.take().slice(-2)).toEqual([
      'task:x/a queued (stopped) <- xstate.stop',
      'batch:x processing (stopped) <- xstate.stop'
    ]);
    expect(log.live.size).toBe(0);

    const next = await restart();
    expect([...log.live]).toEqual(['task:x/a', 'batch:x']);
    await next.crash();
    expect(log.live.size).toBe(0);
  });

  it('the same rows are followed by a rate as before it', async () => {
    const first = rowLog();
    const inspectRows = { tasks: { rate: 0.3, max: 1_000 }, batches: { max: 0 } };
    const { fleet, crash, restart } = await startFleet({ handlers, inspect: first.inspect, inspectRows });
    await fleet.pause();
    await fleet.submitBatch(noops(500), { batchId: 'b' });
    await crash();
    expect(first.most).toBeGreaterThan(100);
    expect(first.most).toBeLessThan(200);

    const second = rowLog();
    await restart({ inspect: second.inspect });
    const appeared = (lines: readonly string[]) =>
      lines.filter((line) => line.endsWith('xstate.init')).toSorted();
    expect(appeared(second.lines)).toEqual(appeared(first.lines));
  });
});

describe('a sample', () => {
  const followed = async (inspectRows: RowSamples | false): Promise<string[]> => {
    const log = rowLog();
    const { fleet } = await startFleet({ handlers, inspect: log.inspect, inspectRows });
    await fleet.pause();
    await fleet.submitBatch([noop('a'), noop('b', 'other')], { batchId: 'x' });
    await fleet.submitBatch([noop('a'), noop('b', 'other')], { batchId: 'y' });
    await fleet.submitBatch([], { batchId: 'z' });
    const seen = new Set(log.lines.map((line) => line.split(' ')[0]!));
    await fleet.stop();
    return [...seen].toSorted();
  };

  it.each<[what: string, samples: RowSamples | false, seen: readonly string[]]>([
    [
      'is of everything',
      {},
      ['batch:x', 'batch:y', 'batch:z', 'task:x/a', 'task:x/b', 'task:y/a', 'task:y/b']
    ],
    ['is nothing', false, []],
    ['is of keys', { tasks: { keys: ['x/b', 'q'] }, batches: { max: 0 } }, ['task:x/b']],
    [
      'is of batches',
      { tasks: { batchIds: ['y'] }, batches: { ids: ['y'] } },
      ['batch:y', 'task:y/a', 'task:y/b']
    ],
    ['is of types', { tasks: { types: ['other'] }, batches: { max: 0 } }, ['task:x/b', 'task:y/b']],
    [
      'is of what all conditions hold for',
      { tasks: { types: ['other'], batchIds: ['y'] }, batches: { max: 0 } },
      ['task:y/b']
    ],
    ['is nothing at a rate of 0', { tasks: { rate: 0 }, batches: { rate: 0 } }, []]
  ])('%s', async (_, samples, seen) => {
    expect(await followed(samples)).toEqual(seen);
  });

  it('is never larger than it says, whatever comes', async () => {
    const log = rowLog();
    const { fleet, clock } = await startFleet({
      handlers,
      inspect: log.inspect,
      inspectRows: { tasks: { max: 7 }, batches: { max: 0 } }
    });
    for (let round = 0; round < 5; round++) {
      await fleet.waitForBatch(await fleet.submitBatch(noops(100)));
      await clock.advance(1_000);
    }
    expect(log.most).toBe(7);
    expect(log.live.size).toBe(0);
    const appeared = log.lines.filter((line) => line.endsWith('xstate.init'));
    // Seven a second.
    expect(appeared).toHaveLength(5 * 7);
    await fleet.stop();
  });

  it('takes in others when the clock was set back', async () => {
    const log = rowLog();
    const inspectRows = { tasks: { max: 2 }, batches: { max: 0 } };
    const { fleet, clock } = await startFleet({ handlers, inspect: log.inspect, inspectRows });
    await fleet.waitForBatch(await fleet.submitBatch(noops(5)));
    clock.jump(-3_600_000);
    await fleet.waitForBatch(await fleet.submitBatch(noops(5)));
    expect(log.lines.filter((line) => line.endsWith('xstate.init'))).toHaveLength(4);
    await fleet.stop();
  });

  it('takes in others in the state that they are in, when its first have settled', async () => {
    const log = rowLog();
    const gates = new Map([
      ['a', gate()],
      ['b', gate()]
    ]);
    const { fleet, clock } = await startFleet({
      handlers: { wait: (id: string) => gates.get(id)!.promise },
      inspect: log.inspect,
      inspectRows: { tasks: { max: 1 }, batches: { max: 0 } }
    });
    await fleet.submitBatch(
      ['a', 'b'].map((id) => ({ id, type: 'wait' as const, data: id })),
      { batchId: 'x' }
    );
    await clock.advance(1_000);
    gates.get('a')!.open();
    await clock.advance(1_000);
    expect([...log.live]).toEqual([]);
    await fleet.cancelTask('x/b');
    await settled();
    expect(log.take().slice(-2)).toEqual([
      'task:x/a completed (done) <- attempt.completed',
      'task:x/b cancelling <- xstate.init'
    ]);
    gates.get('b')!.open();
    await settled();
    expect(log.take()).toEqual(['task:x/b cancelled (done) <- attempt.completed']);
    await fleet.stop();
  });

  it('lets a schedule go that was removed', async () => {
    const log = rowLog();
    const { fleet, clock } = await startFleet({ handlers, inspect: log.inspect });
    await fleet.schedule('hourly', { everyMs: 3_600_000 }, { type: 'noop', data: null });
    await clock.advance(3_600_000);
    await fleet.pauseSchedule('hourly');
    await fleet.unschedule('hourly');
    expect(log.of('schedule:hourly')).toEqual([
      'active <- xstate.init',
      'active <- time.fired',
      'paused <- schedule.pause',
      'paused (stopped) <- xstate.stop'
    ]);
    await fleet.stop();
  });
});

describe('options', () => {
  it.each<[argument: string, options: object]>([
    ['options.inspect', { inspect: { next: 1 } }],
    ['options.inspect', { inspect: {} }],
    ['options.inspect', { inspect: null }],
    ['options.inspectRows', { inspectRows: {} }],
    ['options.inspectRows', { inspectRows: false }],
    ['options.inspectRows', { inspect: () => {}, inspectRows: true }],
    ['options.inspectRows.workers', { inspect: () => {}, inspectRows: { workers: {} } }],
    ['options.inspectRows.tasks.max', { inspect: () => {}, inspectRows: { tasks: { max: 1_001 } } }],
    ['options.inspectRows.tasks.max', { inspect: () => {}, inspectRows: { tasks: { max: -1 } } }],
    ['options.inspectRows.tasks.rate', { inspect: () => {}, inspectRows: { tasks: { rate: NaN } } }],
    ['options.inspectRows.tasks.keys[1]', { inspect: () => {}, inspectRows: { tasks: { keys: ['a', ''] } } }],
    ['options.inspectRows.tasks.types', { inspect: () => {}, inspectRows: { tasks: { types: 'noop' } } }],
    ['options.inspectRows.batches.ids[0]', { inspect: () => {}, inspectRows: { batches: { ids: [1] } } }],
    ['options.inspectRows.batches.types', { inspect: () => {}, inspectRows: { batches: { types: [] } } }],
    ['options.inspectRows.schedules.rate', { inspect: () => {}, inspectRows: { schedules: { rate: 2 } } }]
  ])('%s is refused', (argument, options) => {
    const make = () => new FleetManager({ handlers, ...options });
    expect(make).toThrow(ValidationError);
    expect(make).toThrow(expect.objectContaining({ argument }));
  });
});
