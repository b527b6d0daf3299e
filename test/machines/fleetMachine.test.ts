import {
  createActor,
  fromCallback,
  fromPromise,
  fromTransition,
  toPromise,
  transition,
  waitFor,
  type ActorRefFrom,
  type AnyActorLogic
} from 'xstate';
import { problemOf } from '../../machines/problem.ts';
import { describe, expect, it } from 'vitest';
import type { FleetCommand, NewTask } from '../../machines/fleetCommand.ts';
import { defaultFleetConfig, type FleetConfig } from '../../machines/fleetConfig.ts';
import type { FleetFact } from '../../machines/fleetFact.ts';
import {
  fleetMachine,
  type AlarmEvent,
  type FleetContext,
  type FleetEvent,
  type FleetSnapshot,
  type Recovered
} from '../../machines/fleetMachine.ts';
import {
  workerMachine,
  type WorkerContext,
  type WorkerReport,
  type WorkerSpawn
} from '../../machines/workerMachine.ts';
import { slotName } from '../../machines/workerSlots.ts';

type Value = FleetSnapshot['value'];
type Operation = Value['operation'];
type Journal = Value['journal'];

const now = Date.UTC(2026, 0, 1);
const task: NewTask = {
  id: 't1',
  key: 't1',
  type: 'echo',
  priority: 5,
  tags: [],
  timeoutMs: null,
  maxRetries: null,
  startAfter: null,
  retryOf: null,
  dependsOn: null,
  idempotencyKey: null,
  data: 'null',
  metadata: null
};
const nothing: Recovered = { fleet: null, coordinator: null, autoscaler: null, workers: {} };
const problem = { code: 'ERR_STORE_FULL', message: 'no space' };
const done = { type: 'turn.committed', more: false, held: 0 } as const;

const commands = {
  'batch.submit': {
    type: 'batch.submit',
    batchId: 'b1',
    metadata: null,
    tasks: [task],
    seal: true,
    total: 1,
    fresh: true,
    exclusive: true,
    announced: 1
  },
  'batch.cancel': { type: 'batch.cancel', batchId: 'b1' },
  'batch.pause': { type: 'batch.pause', batchId: 'b1' },
  'batch.resume': { type: 'batch.resume', batchId: 'b1' },
  'batch.remove': { type: 'batch.remove', batchId: 'b1' },
  'task.submit': { type: 'task.submit', task, fresh: true },
  'task.cancel': { type: 'task.cancel', key: 't1' },
  'task.retry': { type: 'task.retry', key: 't1', newKey: 't2' },
  'schedule.put': {
    type: 'schedule.put',
    schedule: {
      id: 's1',
      spec: {
        cron: null,
        timeZone: null,
        everyMs: 1_000,
        catchUp: 'last',
        overlap: 'allow',
        startAt: null,
        endAt: null,
        maxRuns: null
      },
      kind: 'task',
      tasks: 1,
      template: '{"type":"echo"}'
    }
  },
  'schedule.remove': { type: 'schedule.remove', scheduleId: 's1' },
  'schedule.pause': { type: 'schedule.pause', scheduleId: 's1' },
  'schedule.resume': { type: 'schedule.resume', scheduleId: 's1' },
  'result.submit': {
    type: 'result.submit',
    workerId: 'elsewhere',
    result: {
      taskId: 't1',
      key: 't1',
      type: 'echo',
      status: 'completed',
      result: null,
      error: null,
      duration: 1,
      timestamp: now,
      attempt: 1
    }
  },
  'workers.scale': { type: 'workers.scale', count: 3 },
  'config.update': { type: 'config.update', config: { maxRetries: 9 } },
  'results.clear': { type: 'results.clear' },
  'metadata.update': { type: 'metadata.update', patch: { owner: 'me' } },
  'fleet.pause': { type: 'fleet.pause' },
  'fleet.resume': { type: 'fleet.resume' },
  'fleet.drain': { type: 'fleet.drain' },
  'fleet.stop': { type: 'fleet.stop' }
} as const satisfies { [Type in FleetCommand['type']]: Extract<FleetCommand, { type: Type }> };

type LiveOperation = Exclude<Operation, 'starting' | 'stopped' | 'failed'>;

/** What becomes of each command: `collect` puts it into the next turn, `reject` answers it, `ignore` is neither. */
const answers: Record<LiveOperation, Partial<Record<FleetCommand['type'], string>>> = {
  standby: { 'fleet.drain': 'closing', 'fleet.stop': 'closing' },
  recovering: {
    'workers.scale': 'reject',
    'config.update': 'reject',
    'results.clear': 'reject',
    'metadata.update': 'reject',
    'fleet.pause': 'reject',
    'fleet.resume': 'reject',
    'fleet.drain': 'closing',
    'fleet.stop': 'closing'
  },
  running: { 'fleet.pause': 'collect, paused', 'fleet.drain': 'draining', 'fleet.stop': 'releasing' },
  paused: { 'fleet.resume': 'collect, running', 'fleet.drain': 'draining', 'fleet.stop': 'releasing' },
  draining: {
    'batch.submit': 'reject',
    'task.submit': 'reject',
    'task.retry': 'reject',
    'workers.scale': 'reject',
    'config.update': 'reject',
    'results.clear': 'reject',
    'metadata.update': 'reject',
    'fleet.pause': 'reject',
    'fleet.resume': 'reject',
    'fleet.drain': 'ignore',
    'fleet.stop': 'releasing'
  },
  releasing: { 'fleet.drain': 'ignore', 'fleet.stop': 'ignore' },
  closing: { 'fleet.drain': 'ignore', 'fleet.stop': 'ignore' }
};
const defaults: Record<LiveOperation, string> = {
  standby: 'reject',
  recovering: 'collect',
  running: 'collect',
  paused: 'collect',
  draining: 'collect',
  releasing: 'reject',
  closing: 'reject'
};
const liveOperations = Object.keys(answers) as LiveOperation[];

describe('fleetMachine commands', () => {
  it.each(
    liveOperations.flatMap((from) =>
      Object.values(commands).map(({ type }) => [from, type, answers[from][type] ?? defaults[from]] as const)
    )
  )('%s on %s: %s', async (from, type, answer) => {
    const { fleet, calls, operation } = await fleetIn(from, { maxConcurrentWorkers: 1 });
    const collected = calls.collected.length;

    fleet.send(commands[type]);

    expect({
      collected: calls.collected.slice(collected),
      rejected: calls.rejected,
      operation: operation()
    }).toEqual({
      collected: answer.startsWith('collect') ? [commands[type]] : [],
      rejected: answer === 'reject' ? [commands[type]] : [],
      operation: liveOperations.find((name) => answer.endsWith(name)) ?? from
    });
  });
});

describe('fleetMachine journal transitions', () => {
  it.each<[from: Journal, operation: Operation, event: FleetEvent, to: Journal]>([
    ['clean', 'running', { type: 'turn.due' }, 'committing'],
    ['clean', 'paused', { type: 'turn.due' }, 'committing'],
    ['clean', 'draining', { type: 'turn.due' }, 'committing'],
    ['clean', 'releasing', { type: 'turn.due' }, 'committing'],
    ['clean', 'recovering', { type: 'turn.due' }, 'clean'],
    ['clean', 'closing', { type: 'turn.due' }, 'clean'],
    ['clean', 'running', { type: 'alarm.rang' }, 'committing'],
    ['clean', 'closing', { type: 'alarm.rang' }, 'clean'],
    ['clean', 'running', done, 'clean'],
    ['clean', 'running', { type: 'commit.failed', problem }, 'clean'],
    ['committing', 'running', { type: 'turn.due' }, 'committing'],
    ['committing', 'running', { type: 'alarm.rang' }, 'committing'],
    ['committing', 'running', done, 'clean'],
    ['committing', 'running', { type: 'commit.failed', problem }, 'storeUnavailable'],
    ['storeUnavailable', 'running', { type: 'turn.due' }, 'storeUnavailable'],
    ['storeUnavailable', 'running', { type: 'alarm.rang' }, 'storeUnavailable'],
    ['retrying', 'running', { type: 'turn.due' }, 'retrying'],
    ['retrying', 'running', done, 'clean'],
    ['retrying', 'running', { ...done, more: true }, 'committing'],
    ['retrying', 'running', { type: 'commit.failed', problem }, 'storeUnavailable'],
    ['clean', 'closing', { type: 'journal.closed' }, 'closed'],
    ['committing', 'closing', { type: 'journal.closed' }, 'closed'],
    ['storeUnavailable', 'closing', { type: 'journal.closed' }, 'closed'],
    ['retrying', 'closing', { type: 'journal.closed' }, 'closed']
  ])('%s while %s, on %j, goes to %s', (journal, operation, event, to) => {
    const snapshot = fleetMachine.resolveState({ value: { operation, journal }, context: contextWith() });
    expect(transition(fleetMachine, snapshot, event)[0].value.journal).toBe(to);
  });

  it.each<[from: Operation, held: number, more: boolean, to: Operation]>([
    ['running', 0, false, 'running'],
    ['paused', 0, false, 'paused'],
    ['draining', 1, false, 'draining'],
    ['draining', 0, true, 'draining'],
    ['draining', 0, false, 'closing'],
    ['releasing', 1, false, 'releasing'],
    ['releasing', 0, true, 'releasing'],
    ['releasing', 0, false, 'closing']
  ])('%s, with %d attempts held and more to do %s, goes to %s', (operation, held, more, to) => {
    const value = { operation, journal: 'committing' } as const;
    const snapshot = fleetMachine.resolveState({ value, context: contextWith() });
    expect(transition(fleetMachine, snapshot, { ...done, held, more })[0].value.operation).toBe(to);
  });
});

describe('fleetMachine starting', () => {
  it('recovers a new store: spawns its workers and its coordinator, and takes a turn', async () => {
    const { fleet, calls, workers, operation, journal } = await fleetIn('running', {
      maxConcurrentWorkers: 3
    });

    expect(operation()).toBe('running');
    expect(Object.keys(workers())).toEqual(['worker-1', 'worker-2', 'worker-3']);
    expect(fleet.getSnapshot().children.coordinator?.getSnapshot().value).toEqual({
      health: 'healthy',
      intake: 'collecting'
    });
    expect(fleet.getSnapshot().hasTag('dispatching')).toBe(true);
    expect(journal()).toBe('committing');
    expect(calls.turns).toBe(1);
  });

  it('stays paused when it was', async () => {
    const { operation, fleet } = await fleetIn(
      'running',
      {},
      { ...nothing, fleet: contextWith({ paused: true }) }
    );
    expect(operation()).toBe('paused');
    expect(fleet.getSnapshot().hasTag('dispatching')).toBe(false);
  });

  it('fails with the reason when the store cannot be opened', async () => {
    const { fleet, recovery, workers } = startFleet();

    recovery.reject(Object.assign(new Error('owned by process 7'), { code: 'ERR_LOCKED' }));
    const output = await toPromise(fleet);

    expect(fleet.getSnapshot().value).toEqual({ operation: 'failed', journal: 'closed' });
    expect(output).toEqual({ problem: { code: 'ERR_LOCKED', message: 'owned by process 7' } });
    expect(workers()).toEqual({});
  });

  it('stands by until it owns the store, and recovers then', async () => {
    const { fleet, ownership, recovery, operation } = startFleet({}, { isStandby: true });
    expect(operation()).toBe('standby');
    expect(fleet.getSnapshot().hasTag('standby')).toBe(true);

    ownership.resolve();
    await waitFor(fleet, ({ value }) => value.operation === 'recovering');
    recovery.resolve(nothing);
    await waitFor(fleet, ({ value }) => value.operation === 'running');
  });

  it('fails with the reason when a store that it stands by cannot be opened at all', async () => {
    const { fleet, ownership } = startFleet({}, { isStandby: true });

    ownership.reject(Object.assign(new Error('not a store'), { code: 'ERR_STORE_CORRUPT' }));

    expect(await toPromise(fleet)).toEqual({
      problem: { code: 'ERR_STORE_CORRUPT', message: 'not a store' }
    });
    expect(fleet.getSnapshot().value).toEqual({ operation: 'failed', journal: 'closed' });
  });

  it.each(liveOperations)('ends at once, and says why, when it loses the store while %s', async (from) => {
    const { fleet, facts } = await fleetIn(from, { maxConcurrentWorkers: 2 });
    const lost = { code: 'ERR_FENCED', message: 'owned by process 7' };

    fleet.send({ type: 'ownership.lost', problem: lost });

    expect(fleet.getSnapshot()).toMatchObject({
      status: 'done',
      value: { operation: 'failed', journal: 'closed' },
      output: { problem: lost }
    });
    expect(facts('ownership.')).toEqual([{ type: 'ownership.lost', ...lost }]);
  });

  it('can be stopped before it has recovered', async () => {
    const { fleet, recovery, closing, workers, calls } = startFleet();

    fleet.send({ type: 'fleet.stop' });
    recovery.resolve(nothing);
    closing.resolve();

    expect(await toPromise(fleet)).toEqual({ problem: null });
    expect(workers()).toEqual({});
    expect(calls.turns).toBe(0);
  });

  it('gives the coordinator and the workers what they had', async () => {
    const coordinator = {
      successCount: 3,
      failureCount: 1,
      totalDuration: 9,
      oldestResult: 1,
      newestResult: 2,
      settledSeq: 4,
      clearedSeq: 0,
      removedSeq: 0,
      recent: '+-++',
      degradedAt: null
    };
    const worker: WorkerContext = {
      slot: 'worker-2',
      incarnation: 4,
      concurrency: 1,
      tasksPerWorker: null,
      slotTags: [],
      ownTags: [],
      spawnedAt: now,
      completed: 5,
      failed: 6,
      joined: null,
      problem: null
    };
    const { fleet, workers } = await fleetIn(
      'running',
      { maxConcurrentWorkers: 2 },
      {
        fleet: null,
        coordinator,
        autoscaler: null,
        workers: { 'worker-2': worker }
      }
    );

    expect(fleet.getSnapshot().children.coordinator?.getSnapshot().context).toEqual(coordinator);
    expect(workers()['worker-1']!.getSnapshot().context.incarnation).toBe(1);
    expect(workers()['worker-2']!.getSnapshot().context).toMatchObject({
      incarnation: 5,
      completed: 5,
      failed: 6
    });
  });

  it.each<
    [
      what: string,
      persisted: Partial<FleetConfig>,
      declaredThen: Partial<FleetConfig>,
      declaredNow: Partial<FleetConfig>,
      expected: Partial<FleetConfig>
    ]
  >([
    ['what an update had set', { maxRetries: 9 }, {}, {}, { maxRetries: 9 }],
    ['what is declared anew', { maxRetries: 9 }, { maxRetries: 3 }, { maxRetries: 5 }, { maxRetries: 5 }],
    [
      'what an update had set over an unchanged declaration',
      { maxRetries: 9 },
      { maxRetries: 4 },
      { maxRetries: 4 },
      { maxRetries: 9 }
    ],
    [
      'each field by itself',
      { maxRetries: 9, cancelGraceMs: 1 },
      {},
      { cancelGraceMs: 2 },
      { maxRetries: 9, cancelGraceMs: 2 }
    ],
    [
      'a retry policy that is declared anew',
      { retry: { ...defaultFleetConfig.retry, baseMs: 1 } },
      {},
      { retry: { ...defaultFleetConfig.retry, factor: 3 } },
      { retry: { ...defaultFleetConfig.retry, factor: 3 } }
    ]
  ])('keeps %s', async (_, persisted, declaredThen, declaredNow, expected) => {
    const context = contextWith({
      declared: { ...defaultFleetConfig, ...declaredThen },
      config: { ...defaultFleetConfig, ...declaredThen, ...persisted }
    });
    const { fleet } = await fleetIn('running', declaredNow, {
      ...nothing,
      fleet: context
    });
    expect(fleet.getSnapshot().context.config).toEqual({
      ...defaultFleetConfig,
      ...declaredNow,
      ...expected
    });
    expect(fleet.getSnapshot().context.declared).toEqual({ ...defaultFleetConfig, ...declaredNow });
  });
});

describe('fleetMachine pausing and stopping', () => {
  it.each<[change: string, events: FleetEvent[]]>([
    ['is paused', [commands['fleet.pause']]],
    ['goes on', [commands['fleet.pause'], done, commands['fleet.resume']]],
    ['drains', [commands['fleet.drain']]],
    ['stops', [commands['fleet.stop']]],
    ['drained too long', [commands['fleet.drain'], { ...done, held: 1 }, commands['fleet.stop']]]
  ])('takes a turn when it %s', async (_, events) => {
    const { fleet, calls } = await fleetIn('running');
    const last = events.at(-1)!;
    for (const event of [done, ...events.slice(0, -1)]) fleet.send(event);
    const before = calls.turns;

    fleet.send(last);

    expect(calls.turns).toBe(before + 1);
  });

  it('drains: waits for what runs, closes the store, stops', async () => {
    const { fleet, closing, operation } = await fleetIn('draining');
    fleet.send({ ...done, held: 2 });
    fleet.send({ type: 'turn.due' });
    fleet.send({ ...done, held: 1, more: true });
    expect(operation()).toBe('draining');

    fleet.send(done);
    expect(operation()).toBe('closing');
    closing.resolve();

    expect(await toPromise(fleet)).toEqual({ problem: null });
    expect(fleet.getSnapshot().value).toEqual({ operation: 'stopped', journal: 'closed' });
  });

  it('drains what a turn under way still starts', async () => {
    const { fleet, operation } = await fleetIn('running');
    fleet.send({ type: 'fleet.drain' });
    fleet.send({ ...done, held: 1 });
    expect(operation()).toBe('draining');
  });

  it('gives running attempts back at a stop, once', async () => {
    const { fleet, calls } = await fleetIn('running');
    fleet.send({ type: 'fleet.stop' });
    fleet.send({ type: 'fleet.stop' });
    expect(calls.releases).toBe(1);
  });

  it('gives running attempts back when draining takes too long', async () => {
    const { fleet, calls, operation } = await fleetIn('draining');
    fleet.send({ type: 'fleet.stop' });
    expect(operation()).toBe('releasing');
    expect(calls.releases).toBe(1);
  });

  it('stops with the reason when the store does not close', async () => {
    const { fleet, closing } = await fleetIn('closing');
    closing.reject(Object.assign(new Error('EIO'), { code: 'ERR_STORE_IO' }));
    expect(await toPromise(fleet)).toEqual({ problem: { code: 'ERR_STORE_IO', message: 'EIO' } });
  });

  it('closes at once when it is to stop and nothing can be written', async () => {
    const { fleet, operation } = await fleetIn('running');
    fleet.send({ type: 'commit.failed', problem });
    fleet.send({ type: 'fleet.stop' });
    expect(operation()).toBe('closing');
  });

  it('closes when the store is lost while attempts are given back', async () => {
    const { fleet, operation } = await fleetIn('releasing');
    fleet.send({ type: 'commit.failed', problem });
    expect(operation()).toBe('closing');
  });

  it('keeps draining while the store is away', async () => {
    const { fleet, storeReturns, operation, reachedJournal } = await fleetIn('draining');
    fleet.send({ type: 'commit.failed', problem });
    expect(operation()).toBe('draining');

    storeReturns[0]!.resolve();
    await reachedJournal('retrying');
    fleet.send(done);

    expect(operation()).toBe('closing');
  });

  it('takes no turn while it closes, even when the store comes back', async () => {
    const { fleet, calls, storeReturns, closing } = await fleetIn('running');
    fleet.send({ type: 'commit.failed', problem });
    fleet.send({ type: 'fleet.stop' });
    const before = calls.turns;

    storeReturns[0]!.resolve();
    await storeReturns[0]!.promise;
    closing.resolve();
    await toPromise(fleet);

    expect(calls.turns).toBe(before);
  });
});

describe('fleetMachine journal', () => {
  it('asks for turns once, until they have come to rest', async () => {
    const { fleet, calls, journal } = await fleetIn('running');
    fleet.send({ type: 'turn.due' });
    expect(calls.turns).toBe(1);
    fleet.send(done);
    expect(journal()).toBe('clean');
    fleet.send({ type: 'turn.due' });
    fleet.send({ type: 'turn.due' });
    expect(calls.turns).toBe(2);
    expect(journal()).toBe('committing');
  });

  it('tells that the store is away and that it is back, once each', async () => {
    const { fleet, calls, facts, storeReturns, journal, reachedJournal } = await fleetIn('running');
    const turns = calls.turns;

    fleet.send({ type: 'commit.failed', problem });
    expect(journal()).toBe('storeUnavailable');
    expect(fleet.getSnapshot().hasTag('degraded')).toBe(true);
    expect(fleet.getSnapshot().context.problem).toEqual(problem);

    storeReturns[0]!.resolve();
    await reachedJournal('retrying');
    fleet.send({ type: 'commit.failed', problem: { code: 'ERR_STORE_BUSY', message: 'still' } });
    expect(fleet.getSnapshot().context.problem?.code).toBe('ERR_STORE_BUSY');
    storeReturns[1]!.resolve();
    await reachedJournal('retrying');
    expect(calls.turns).toBe(turns + 2);
    fleet.send(done);

    expect(fleet.getSnapshot().context.problem).toBeNull();
    expect(fleet.getSnapshot().hasTag('degraded')).toBe(false);
    expect(facts('store.')).toEqual([{ type: 'store.unavailable', ...problem }, { type: 'store.recovered' }]);
  });

  it('goes on with the next turn when the store is back and more waits', async () => {
    const { fleet, calls, storeReturns, facts, journal, reachedJournal } = await fleetIn('running');
    fleet.send({ type: 'commit.failed', problem });
    storeReturns[0]!.resolve();
    await reachedJournal('retrying');
    const turns = calls.turns;

    fleet.send({ ...done, more: true });

    expect(journal()).toBe('committing');
    expect(calls.turns).toBe(turns + 1);
    expect(facts('store.').at(-1)).toEqual({ type: 'store.recovered' });
  });

  it('sets the one alarm, and takes a turn when it rings', async () => {
    const { fleet, calls } = await fleetIn('running');
    fleet.send(done);
    fleet.send({ type: 'deadline.changed', delayMs: 250 });
    fleet.send({ type: 'deadline.changed', delayMs: null });
    expect(calls.alarms).toEqual([
      { type: 'alarm.set', delayMs: 250 },
      { type: 'alarm.set', delayMs: null }
    ]);

    const turns = calls.turns;
    calls.ring();

    expect(calls.turns).toBe(turns + 1);
  });

  it('emits the facts of a turn, and spares its parent the single tasks', async () => {
    const { fleet, facts, toldParent } = await fleetIn('running');
    const released: FleetFact[] = [
      { type: 'batch.settled', batchId: 'b1', status: 'completed' },
      { type: 'task.settled', key: 't1', batchId: null, status: 'completed', workerId: null, settledSeq: 1 }
    ];
    fleet.send({ type: 'facts.released', facts: released });
    expect([...facts('batch.'), ...facts('task.')]).toEqual(released);
    expect(toldParent().filter(({ type }) => /^(batch|task)\./.test(type))).toEqual([released[0]]);
  });
});

describe('fleetMachine workers', () => {
  it('spawns all that are missing with one event', async () => {
    const { fleet, workers } = await fleetIn('running', { maxConcurrentWorkers: 1 });
    const first = workers()['worker-1'];

    fleet.send({ type: 'workers.scale', count: 500 });
    fleet.send({ type: 'workers.adjust' });

    expect(Object.keys(workers())).toEqual(Array.from({ length: 500 }, (_, index) => slotName(index + 1)));
    expect(workers()['worker-1']).toBe(first);
    expect(fleet.getSnapshot().context).toMatchObject({ slots: 500, config: { maxConcurrentWorkers: 500 } });
  });

  it('drains and parks those beyond the limit', async () => {
    const { fleet, workers, stopped, allAre } = await idleFleet({ maxConcurrentWorkers: 3 });
    workers()['worker-2']!.send({ type: 'attempts.begun' });

    fleet.send({ type: 'workers.scale', count: 1 });
    fleet.send({ type: 'workers.adjust' });

    await allAre({ 'worker-1': 'idle', 'worker-2': 'draining', 'worker-3': 'stopped' });
    workers()['worker-2']!.send({ type: 'attempts.ended', taken: 1, completed: 1, failed: 0 });
    await allAre({ 'worker-1': 'idle', 'worker-2': 'stopped', 'worker-3': 'stopped' });
    expect(stopped).toEqual(['worker-3', 'worker-2']);
    expect(fleet.getSnapshot().context.slots).toBe(3);
  });

  it('reuses parked slots, for workers of a fresh id', async () => {
    const { fleet, workers, started, allAre } = await idleFleet({ maxConcurrentWorkers: 2 });
    const before = workers();
    fleet.send({ type: 'workers.scale', count: 1 });
    fleet.send({ type: 'workers.adjust' });
    await allAre({ 'worker-1': 'idle', 'worker-2': 'stopped' });

    fleet.send({ type: 'workers.scale', count: 3 });
    fleet.send({ type: 'workers.adjust' });
    await allAre({ 'worker-1': 'idle', 'worker-2': 'idle', 'worker-3': 'idle' });

    expect(workers()['worker-1']).toBe(before['worker-1']);
    expect(workers()['worker-2']).toBe(before['worker-2']);
    expect(started).toEqual(['worker-1', 'worker-2', 'worker-3', 'worker-2.2']);
  });

  it('gives a slot that was parked before a restart its next id, not its first', async () => {
    const parked: WorkerContext = {
      slot: 'worker-2',
      incarnation: 3,
      concurrency: 1,
      tasksPerWorker: null,
      slotTags: [],
      ownTags: [],
      spawnedAt: null,
      completed: 0,
      failed: 0,
      joined: null,
      problem: null
    };
    const { fleet, workers } = await fleetIn(
      'running',
      { maxConcurrentWorkers: 1 },
      {
        ...nothing,
        fleet: contextWith({ slots: 2 }, 1),
        workers: { 'worker-2': parked }
      }
    );

    fleet.send({ type: 'workers.scale', count: 2 });
    fleet.send({ type: 'workers.adjust' });

    expect(workers()['worker-2']!.getSnapshot().context.incarnation).toBe(4);
  });

  it('announces each worker once, however often it is told its limits', async () => {
    const { fleet, facts, allAre } = await idleFleet({ maxConcurrentWorkers: 2 });
    fleet.send({ type: 'config.update', config: { workerConcurrency: 2 } });
    fleet.send({ type: 'workers.scale', count: 3 });
    fleet.send({ type: 'workers.adjust' });
    await allAre({ 'worker-1': 'idle', 'worker-2': 'idle', 'worker-3': 'idle' });

    expect(facts('worker.').map((fact) => 'workerId' in fact && fact.workerId)).toEqual([
      'worker-1',
      'worker-2',
      'worker-3'
    ]);
  });

  it('tells every worker new limits, and spawns those that a larger fleet needs', async () => {
    const { fleet, workers, calls } = await idleFleet({ maxConcurrentWorkers: 1 });
    const config = { workerConcurrency: 4, tasksPerWorker: 7, maxConcurrentWorkers: 2, maxRetries: 1 };

    fleet.send({ type: 'config.update', config });
    fleet.send({ type: 'workers.adjust' });

    expect(fleet.getSnapshot().context.config).toEqual({ ...defaultFleetConfig, ...config });
    for (const worker of Object.values(workers())) {
      expect(worker.getSnapshot().context).toMatchObject({ concurrency: 4, tasksPerWorker: 7 });
    }
    expect(calls.reports.at(-1)).toMatchObject({
      type: 'worker.offering',
      workerId: 'worker-1',
      concurrency: 4,
      tasksPerWorker: 7
    });
  });

  it('gives the first slots to the groups of workers, and tells them when the groups change', async () => {
    const groups = [
      { tags: ['gpu'], workers: 1 },
      { tags: ['eu', 'ssd'], workers: 2 }
    ];
    const { fleet, workers } = await idleFleet({ maxConcurrentWorkers: 4, workerGroups: groups });
    const tags = () => Object.values(workers()).map((worker) => worker.getSnapshot().context.slotTags);

    expect(tags()).toEqual([['gpu'], ['eu', 'ssd'], ['eu', 'ssd'], []]);
    fleet.send({ type: 'config.update', config: { workerGroups: groups.slice(1), maxConcurrentWorkers: 1 } });
    fleet.send({ type: 'workers.adjust' });
    expect(tags()).toEqual([['eu', 'ssd'], ['eu', 'ssd'], [], []]);
  });

  it('tells the world of workers that stop', async () => {
    const { facts, workers, allAre } = await idleFleet({ maxConcurrentWorkers: 1 });
    workers()['worker-1']!.send({ type: 'worker.retire' });
    await allAre({ 'worker-1': 'idle' });
    expect(facts('worker.stopped')).toEqual([{ type: 'worker.stopped', workerId: 'worker-1' }]);
    expect(facts('worker.spawned').at(-1)).toEqual({ type: 'worker.spawned', workerId: 'worker-1.2' });
  });

  it('tells the world of workers that cannot be made, and lives on', async () => {
    const { facts, operation, calls, allAre } = await fleetIn(
      'running',
      { maxConcurrentWorkers: 1 },
      nothing,
      () => Promise.reject(new Error('no memory'))
    );
    await allAre({ 'worker-1': 'error' });
    expect(facts('worker.')).toEqual([{ type: 'worker.lost', workerId: 'worker-1', problem: 'no memory' }]);
    expect(calls.reports.map(({ type }) => type)).toEqual(['worker.broken']);
    expect(operation()).toBe('running');
  });
});

describe('fleetMachine snapshots', () => {
  it.each(liveOperations)('survive a JSON round trip while %s', async (operation) => {
    const { fleet } = await fleetIn(operation, { maxConcurrentWorkers: 2 });
    const persisted = fleet.getPersistedSnapshot();
    expect(JSON.parse(JSON.stringify(persisted))).toEqual(persisted);
  });
});

describe('the ports of fleetMachine', () => {
  it.each(['recover', 'awaitStore', 'close'] as const)(
    'actor %s, not provided, fails with an instruction',
    async (port) => {
      const actor = createActor(fleetMachine.implementations.actors[port] as AnyActorLogic);
      const failure = toPromise(actor);
      actor.start();
      await expect(failure).rejects.toThrow(instructionFor('actor', port));
    }
  );

  it('actor alarm, not provided, fails the fleet with an instruction', () => {
    const fleet = createActor(fleetMachine, { input: { name: 'test', config: defaultFleetConfig } });
    const errors: unknown[] = [];
    fleet.subscribe({ error: (error) => errors.push(error) });
    fleet.start();
    expect(String(errors[0])).toMatch(instructionFor('actor', 'alarm'));
  });

  it.each<[port: ActionPort, trigger: FleetEvent[]]>([
    ['collectCommand', [commands['batch.submit']]],
    ['rejectCommand', [commands['fleet.drain'], commands['fleet.pause']]],
    ['beginTurn', []],
    ['releaseAttempts', [commands['fleet.stop']]],
    ['recordReport', []]
  ])('action %s, not provided, fails the fleet with an instruction', async (port, trigger) => {
    const { fleet, recovery } = startFleet(
      { maxConcurrentWorkers: 1 },
      { leftOut: port, startWorker: port === 'recordReport' ? ready : never }
    );
    const ended = toPromise(fleet);
    fleet.subscribe({
      next: ({ value }) => {
        if (value.operation === 'running') for (const event of trigger.splice(0)) fleet.send(event);
      },
      error: () => {}
    });
    recovery.resolve(nothing);
    await expect(ended).rejects.toThrow(instructionFor('action', port));
  });

  it.each(['recover', 'close'] as const)(
    'actor %s, not provided, is the reason why the fleet ends',
    async (port) => {
      const { fleet, recovery } = startFleet({}, { leftOut: port });
      recovery.resolve(nothing);
      fleet.send({ type: port === 'close' ? 'fleet.stop' : 'fleet.resume' });
      const { problem } = await toPromise(fleet);
      expect(problem?.message).toMatch(instructionFor('actor', port));
    }
  );
});

describe('problemOf', () => {
  it.each<[thrown: unknown, problem: ReturnType<typeof problemOf>]>([
    [
      Object.assign(new Error('full'), { code: 'ERR_STORE_FULL' }),
      { code: 'ERR_STORE_FULL', message: 'full' }
    ],
    [new TypeError('no'), { code: 'TypeError', message: 'no' }],
    [Object.assign(new Error('no'), { code: 7 }), { code: 'Error', message: 'no' }],
    ['text', { code: 'ERR_UNKNOWN', message: 'text' }],
    [undefined, { code: 'ERR_UNKNOWN', message: 'undefined' }]
  ])('%s is %j', (thrown, expected) => {
    expect(problemOf(thrown)).toEqual(expected);
  });
});

type ActionPort = 'collectCommand' | 'rejectCommand' | 'beginTurn' | 'releaseAttempts' | 'recordReport';
type ActorPort = 'recover' | 'close';
type WorkerRef = ActorRefFrom<typeof workerMachine>;

function instructionFor(kind: string, port: string): RegExp {
  return new RegExp(
    `^(Error: )?fleetMachine: provide the ${kind} \`${port}\`, which .+; or use createFleetLogic\\(\\)`
  );
}

/** What the last process of the fleet had persisted. */
function contextWith(changes: Partial<FleetContext> = {}, maxConcurrentWorkers = 10): FleetContext {
  const config = { ...defaultFleetConfig, maxConcurrentWorkers };
  return {
    name: 'test',
    declared: config,
    config,
    slots: 0,
    parked: [],
    formerWorkers: {},
    problem: null,
    paused: false,
    standby: false,
    metadata: {},
    ...changes
  };
}

interface Gate<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

function gate<T = void>(): Gate<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((open, fail) => {
    resolve = open;
    reject = fail;
  });
  return { promise, resolve, reject };
}

interface Ports {
  /** A port that is not provided. */
  readonly leftOut?: ActionPort | ActorPort;
  /** Makes a worker. */
  readonly startWorker?: () => Promise<WorkerSpawn>;
  /** Whether it waits for the ownership. */
  readonly isStandby?: boolean;
}

/** A started fleet whose ports record what they are told, and wait for the test where they take time. */
function startFleet(
  config: Partial<FleetConfig> = {},
  { leftOut, startWorker = ready, isStandby = false }: Ports = {}
) {
  const ownership = gate();
  const recovery = gate<Recovered>();
  const closing = gate();
  const storeReturns: Gate<void>[] = [];
  const started: string[] = [];
  const stopped: string[] = [];
  const calls = {
    collected: [] as FleetCommand[],
    rejected: [] as FleetCommand[],
    reports: [] as WorkerReport[],
    alarms: [] as AlarmEvent[],
    turns: 0,
    releases: 0,
    ring: () => {}
  };
  const worker = workerMachine.provide({
    actors: {
      startWorker: fromPromise<WorkerSpawn, { workerId: string }>(({ input: { workerId } }) => {
        started.push(workerId);
        return startWorker();
      }),
      stopWorker: fromPromise<void, { workerId: string }>(({ input: { workerId } }) => {
        stopped.push(workerId);
        return Promise.resolve();
      })
    }
  });
  const actors = {
    standBy: fromPromise(() => ownership.promise),
    recover: fromPromise(() => recovery.promise),
    awaitStore: fromPromise(() => {
      const back = gate();
      storeReturns.push(back);
      return back.promise;
    }),
    close: fromPromise(() => closing.promise),
    alarm: fromCallback<AlarmEvent>(({ receive, sendBack }) => {
      receive((event) => calls.alarms.push(event));
      calls.ring = () => sendBack({ type: 'alarm.rang' });
    })
  };
  const actions = {
    collectCommand: (_: unknown, { command }: { command: FleetCommand }) =>
      void calls.collected.push(command),
    rejectCommand: (_: unknown, { command }: { command: FleetCommand }) => void calls.rejected.push(command),
    beginTurn: () => void (calls.turns += 1),
    releaseAttempts: () => void (calls.releases += 1),
    recordReport: (_: unknown, { report }: { report: WorkerReport }) => void calls.reports.push(report)
  };
  const machine = fleetMachine.provide({
    actors: { worker, ...without(actors, leftOut) },
    actions: without(actions, leftOut)
  });
  const parent = createActor(
    fromTransition((heard: readonly FleetFact[], event: FleetFact) => [...heard, event], [])
  ).start();
  const fleet = createActor(machine, {
    input: { name: 'test', config: { ...defaultFleetConfig, ...config }, standby: isStandby },
    parent
  });
  const emitted: FleetFact[] = [];
  fleet.on('*', (fact) => emitted.push(fact));
  fleet.start();

  const workers = () => {
    const children = Object.entries(fleet.getSnapshot().children as Record<string, WorkerRef>);
    return Object.fromEntries(children.filter(([id]) => id.startsWith('worker-')));
  };
  return {
    fleet,
    calls,
    ownership,
    recovery,
    closing,
    storeReturns,
    started,
    stopped,
    workers,
    operation: () => fleet.getSnapshot().value.operation,
    journal: () => fleet.getSnapshot().value.journal,
    /** Facts that were emitted, by the beginning of their type. */
    facts: (prefix: string) => emitted.filter(({ type }) => type.startsWith(prefix)),
    toldParent: () => parent.getSnapshot().context,
    reachedJournal: (journal: Journal) => waitFor(fleet, ({ value }) => value.journal === journal),
    /** Resolves once each of the workers is in its state. */
    allAre: (states: Record<string, WorkerValue>) =>
      Promise.all(
        Object.entries(states).map(([slot, state]) =>
          waitFor(workers()[slot]!, ({ value }) => value === state)
        )
      )
  };
}

type WorkerValue = ReturnType<WorkerRef['getSnapshot']>['value'];

/** A fleet that is in `operation`, by the way that leads there. */
async function fleetIn(
  operation: LiveOperation,
  config: Partial<FleetConfig> = {},
  recovered = nothing,
  startWorker = ready
) {
  const started = startFleet(config, { startWorker, isStandby: operation === 'standby' });
  const { fleet, recovery } = started;
  if (operation === 'standby') return started;
  if (operation === 'recovering') return started;
  recovery.resolve(recovered);
  await waitFor(fleet, ({ value }) => value.operation !== 'recovering');
  for (const event of pathTo[operation]) fleet.send(event);
  return started;
}

const pathTo: Record<Exclude<LiveOperation, 'standby' | 'recovering'>, FleetEvent[]> = {
  running: [],
  paused: [done, commands['fleet.pause']],
  draining: [commands['fleet.drain']],
  releasing: [commands['fleet.stop']],
  closing: [commands['fleet.stop'], done]
};

/** A running fleet, all its workers idle. */
async function idleFleet(config: Partial<FleetConfig>) {
  const started = await fleetIn('running', config);
  await started.allAre(Object.fromEntries(Object.keys(started.workers()).map((slot) => [slot, 'idle'])));
  return started;
}

function ready(): Promise<WorkerSpawn> {
  return Promise.resolve({ at: now, tags: [] });
}

function never(): Promise<never> {
  return new Promise(() => {});
}

function without<T extends object>(all: T, leftOut: string | undefined): T {
  return Object.fromEntries(Object.entries(all).filter(([name]) => name !== leftOut)) as T;
}
