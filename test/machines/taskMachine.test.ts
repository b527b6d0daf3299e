import { createActor, transition } from 'xstate';
import { getShortestPaths } from 'xstate/graph';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { taskStatuses, type TaskError, type TaskStatus } from '../../machines/task.ts';
import {
  taskMachine,
  type AttemptPolicy,
  type TaskContext,
  type TaskEvent,
  type TaskInput
} from '../../machines/taskMachine.ts';

const now = Date.UTC(2026, 0, 1);
const policy: AttemptPolicy = {
  maxRetries: 2,
  maxRecoveries: 2,
  retry: { baseMs: 1_000, factor: 2, maxMs: 60_000, jitter: 'none' },
  isIsolated: false
};
const failure: TaskError = { name: 'Error', message: 'no', retryable: true };
const failedDependency: TaskError = { name: 'DependencyError', message: 'b1/t0 failed', retryable: false };
const cancellation: TaskError = { name: 'TaskCancelledError', message: 'cancelled', retryable: false };
const input: TaskInput = {
  seq: 7,
  key: 'b1/t1',
  batchId: 'b1',
  type: 'echo',
  priority: 5,
  tags: ['gpu'],
  timeoutMs: null,
  maxRetries: null,
  retryOf: null,
  createdAt: now,
  blockedBy: null,
  readyAt: null,
  startAfter: null
};

/** Every event, as the current attempt (the second) would be told it. */
const events = {
  'task.claim': { type: 'task.claim', workerId: 'worker-2' },
  'task.cancel': { type: 'task.cancel', at: now, error: cancellation },
  'dependencies.completed': { type: 'dependencies.completed', at: now },
  'dependency.failed': { type: 'dependency.failed', at: now, error: failedDependency },
  'task.due': { type: 'task.due', at: now },
  'attempt.started': { type: 'attempt.started', attempt: 2, at: now },
  'attempt.completed': { type: 'attempt.completed', attempt: 2, at: now },
  'attempt.failed': ended('attempt.failed', 2),
  'attempt.timedOut': ended('attempt.timedOut', 2),
  'attempt.lost': ended('attempt.lost', 2),
  'attempt.released': { type: 'attempt.released', attempt: 2, at: now },
  'grace.ended': { type: 'grace.ended', attempt: 2, at: now }
} as const satisfies { [Type in TaskEvent['type']]: Extract<TaskEvent, { type: Type }> };

/** Where each state goes while budgets last. An event that is not named is ignored. */
const chart: Record<TaskStatus, Partial<Record<TaskEvent['type'], TaskStatus>>> = {
  blocked: {
    'dependencies.completed': 'scheduled',
    'dependency.failed': 'cancelled',
    'task.cancel': 'cancelled'
  },
  scheduled: { 'task.due': 'queued', 'task.cancel': 'cancelled' },
  queued: { 'task.claim': 'dispatched', 'task.cancel': 'cancelled' },
  dispatched: {
    'attempt.started': 'running',
    'attempt.lost': 'queued',
    'attempt.released': 'queued',
    'task.cancel': 'cancelling'
  },
  running: {
    'attempt.completed': 'completed',
    'attempt.failed': 'backingOff',
    'attempt.timedOut': 'backingOff',
    'attempt.lost': 'queued',
    'attempt.released': 'queued',
    'task.cancel': 'cancelling'
  },
  backingOff: { 'task.due': 'queued', 'task.cancel': 'cancelled' },
  cancelling: {
    'attempt.completed': 'cancelled',
    'attempt.failed': 'cancelled',
    'attempt.lost': 'cancelled',
    'attempt.released': 'cancelled',
    'grace.ended': 'cancelled'
  },
  completed: {},
  failed: {},
  timedOut: {},
  cancelled: {}
};
const cells = taskStatuses.flatMap((from) =>
  Object.values(events).map((event) => [from, event.type, chart[from][event.type] ?? 'same'] as const)
);

describe('taskMachine transitions', () => {
  it.each(cells)('%s on %s goes to %s', (from, type, to) => {
    expect(step(from, events[type]).value).toBe(to === 'same' ? from : to);
  });

  it.each(cells.filter(([, , to]) => to === 'same'))('%s keeps its context on %s', (from, type) => {
    expect(step(from, events[type]).context).toEqual(contextIn(from));
  });

  it.each<[from: TaskStatus, what: string, event: TaskEvent, context: Partial<TaskContext>, to: TaskStatus]>([
    ['running', 'a failure without retries left', ended('attempt.failed', 2), { failures: 2 }, 'failed'],
    ['running', 'a timeout without retries left', ended('attempt.timedOut', 2), { failures: 2 }, 'timedOut'],
    [
      'running',
      'a failure within its own limit',
      ended('attempt.failed', 2),
      { failures: 2, maxRetries: 3 },
      'backingOff'
    ],
    ['running', 'a failure beyond its own limit', ended('attempt.failed', 2), { maxRetries: 0 }, 'failed'],
    [
      'running',
      'a failure that no retry mends',
      ended('attempt.failed', 2, { error: { ...failure, retryable: false } }),
      {},
      'failed'
    ],
    [
      'running',
      'a timeout that no retry mends',
      ended('attempt.timedOut', 2, { error: { ...failure, retryable: false } }),
      {},
      'timedOut'
    ],
    ['running', 'a loss too many', ended('attempt.lost', 2), { recoveries: 2 }, 'failed'],
    ['dispatched', 'a loss too many', ended('attempt.lost', 2), { recoveries: 2 }, 'failed'],
    ['running', 'a loss without retries left', ended('attempt.lost', 2), { failures: 2 }, 'queued'],
    [
      'running',
      'a loss that no retry mends',
      ended('attempt.lost', 2, { error: { ...failure, retryable: false } }),
      {},
      'queued'
    ]
  ])('%s on %s', (from, _, event, context, to) => {
    expect(step(from, event, context).value).toBe(to);
  });

  it.each<[from: TaskStatus, at: number, to: TaskStatus]>([
    ['scheduled', now - 1, 'scheduled'],
    ['scheduled', now, 'queued'],
    ['scheduled', now + 1, 'queued'],
    ['backingOff', now - 1, 'backingOff'],
    ['backingOff', now, 'queued'],
    ['backingOff', now + 1, 'queued']
  ])('%s until it is due, told %d', (from, at, to) => {
    const { value, context } = step(from, { type: 'task.due', at });
    expect(value).toBe(to);
    expect(context.dueAt).toBe(to === 'queued' ? null : now);
  });
});

describe('the fence of taskMachine', () => {
  const fenced = Object.values(events).filter((event) => 'attempt' in event);
  const told = (['dispatched', 'running', 'cancelling'] as const).flatMap((state) =>
    fenced.flatMap((event) => [0, 1, 3].map((attempt) => [state, event.type, attempt] as const))
  );

  it.each(told)('%s ignores %s of attempt %d, as its own is 2', (state, type, attempt) => {
    const after = step(state, { ...events[type], attempt } as TaskEvent);
    expect(after.value).toBe(state);
    expect(after.context).toEqual(contextIn(state));
  });

  it('moves on with every claim', () => {
    const { send, context } = startTask();
    for (let attempt = 1; attempt <= 3; attempt++) {
      send({ type: 'task.claim', workerId: `worker-${attempt}` });
      expect(context()).toMatchObject({ attempt, workerId: `worker-${attempt}`, startedAt: null });
      send({ type: 'attempt.started', attempt, at: now }, { type: 'attempt.released', attempt, at: now });
    }
  });
});

describe('taskMachine', () => {
  it('is queued at once when it has no start time', () => {
    expect(startTask().state()).toBe('queued');
    expect(startTask({ startAfter: now }).state()).toBe('scheduled');
  });

  it('is blocked until all that it depends on has completed, and then waits for its start time', () => {
    const { send, state, context } = startTask({ blockedBy: [3, 5], startAfter: now + 9 });
    expect(state()).toBe('blocked');
    expect(context()).toMatchObject({ blockedBy: [3, 5], dueAt: now + 9 });

    send({ type: 'dependencies.completed', at: now });

    expect(state()).toBe('scheduled');
    expect(context()).toMatchObject({ blockedBy: null, dueAt: now + 9 });
  });

  it.each([
    ['none', null],
    ['one that has come', now]
  ])('is queued when all has completed and its start time is %s', (_, startAfter) => {
    const { send, state, context } = startTask({ blockedBy: [3], startAfter });

    send({ type: 'dependencies.completed', at: now });

    expect(state()).toBe('queued');
    expect(context()).toMatchObject({ blockedBy: null, dueAt: null });
  });

  it('is cancelled, with the reason, when something that it depends on does not complete', () => {
    const { send, state, context } = startTask({ blockedBy: [3], startAfter: now + 9 });

    send({ type: 'dependency.failed', at: now + 1, error: failedDependency });

    expect(state()).toBe('cancelled');
    expect(context()).toMatchObject({
      error: failedDependency,
      blockedBy: null,
      dueAt: null,
      settledAt: now + 1
    });
  });

  it('remembers when its attempt started', () => {
    const { send, context } = startTask();
    send(claim(), { type: 'attempt.started', attempt: 1, at: now + 5 });
    expect(context().startedAt).toBe(now + 5);
  });

  it('backs off longer after each failure', () => {
    const { send, context } = startTask();
    for (const [attempt, backoff] of [
      [1, 1_000],
      [2, 2_000]
    ] as const) {
      send(claim(), started(attempt), ended('attempt.failed', attempt));
      expect(context()).toMatchObject({ failures: attempt, dueAt: now + backoff, error: failure });
      send({ type: 'task.due', at: now + backoff });
    }
  });

  it('fails with its last error when its retries have run out', () => {
    const { send, state, context } = startTask({ maxRetries: 1 });
    send(claim(), started(1), ended('attempt.failed', 1), due(), claim(), started(2));

    send(ended('attempt.failed', 2, { error: { ...failure, message: 'again' }, at: now + 9 }));

    expect(state()).toBe('failed');
    expect(context()).toMatchObject({
      failures: 2,
      settledAt: now + 9,
      dueAt: null,
      error: { ...failure, message: 'again' }
    });
  });

  it('charges failures and timeouts to one budget', () => {
    const { send, state } = startTask({ maxRetries: 1 });
    send(claim(), started(1), ended('attempt.timedOut', 1), due(), claim(), started(2));
    expect(state()).toBe('running');

    send(ended('attempt.failed', 2));

    expect(state()).toBe('failed');
  });

  it('charges nothing for an attempt that is released', () => {
    const { send, state, context } = startTask({ maxRetries: 0 });
    for (let attempt = 1; attempt <= 9; attempt++) {
      send(claim(), started(attempt), { type: 'attempt.released', attempt, at: now });
    }
    expect(state()).toBe('queued');
    expect(context()).toMatchObject({ attempt: 9, failures: 0, recoveries: 0 });
  });

  it('charges a lost attempt to its own budget, and calls what exceeds it poison', () => {
    const { send, state, context } = startTask({ maxRetries: 0 });
    for (let attempt = 1; attempt <= policy.maxRecoveries; attempt++) {
      send(claim(), started(attempt), ended('attempt.lost', attempt));
      expect(state()).toBe('queued');
      expect(context()).toMatchObject({ failures: 0, recoveries: attempt, error: failure });
    }

    send(claim(), started(3), ended('attempt.lost', 3, { at: now + 3 }));

    expect(state()).toBe('failed');
    expect(context()).toMatchObject({
      failures: 0,
      recoveries: 3,
      settledAt: now + 3,
      error: { name: 'PoisonTaskError', retryable: false }
    });
    expect(context().error?.message).toMatch(/^Lost its worker 3 times, last with "no"\..*maxRecoveries/);
  });

  it('is poison at the first loss when it may not be recovered', () => {
    const { send, state, context } = startTask();
    send(claim(), ended('attempt.lost', 1, { policy: { ...policy, maxRecoveries: 0 } }));
    expect(state()).toBe('failed');
    expect(context().error?.name).toBe('PoisonTaskError');
  });

  it.each([
    [false, 'Run it in an isolated executor, or raise maxRecoveries.'],
    [true, 'Mend what ends its worker, or raise maxRecoveries.']
  ])('says what helps against poison, isolated or not: %s', (isIsolated, remedy) => {
    const { send, context } = startTask();
    send(claim(), ended('attempt.lost', 1, { policy: { ...policy, maxRecoveries: 0, isIsolated } }));
    expect(context().error?.message).toBe(`Lost its worker 1 times, last with "no". ${remedy}`);
  });

  it('takes the limits that hold when the attempt ends', () => {
    const { send, state } = startTask();
    send(claim(), started(1), ended('attempt.failed', 1, { policy: { ...policy, maxRetries: 0 } }));
    expect(state()).toBe('failed');
  });

  it('completes without the error of an earlier attempt', () => {
    const { send, state, context } = startTask();
    send(claim(), started(1), ended('attempt.failed', 1), due(), claim(), started(2));
    expect(context().error).toEqual(failure);

    send({ type: 'attempt.completed', attempt: 2, at: now + 2 });

    expect(state()).toBe('completed');
    expect(context()).toMatchObject({ error: null, settledAt: now + 2, failures: 1 });
  });

  it.each<[from: string, path: TaskEvent[]]>([
    ['queued', []],
    ['backing off', [claim(), started(1), ended('attempt.failed', 1)]],
    ['cancelling', [claim(), started(1), { type: 'task.cancel', at: now, error: cancellation }]]
  ])('settles as cancelled, with the reason, from %s', (_, path) => {
    const { send, state, context } = startTask();
    send(...path);

    send({ type: 'task.cancel', at: now + 1, error: cancellation });
    send({ type: 'attempt.completed', attempt: 1, at: now + 1 });

    expect(state()).toBe('cancelled');
    expect(context()).toMatchObject({ error: cancellation, settledAt: now + 1, dueAt: null });
  });

  it('discards what a cancelled attempt still returns', () => {
    const { send, state, context } = startTask();
    send(claim(), started(1), { type: 'task.cancel', at: now, error: cancellation });

    send(ended('attempt.failed', 1, { at: now + 8 }));

    expect(state()).toBe('cancelled');
    expect(context()).toMatchObject({ error: cancellation, failures: 0, settledAt: now + 8 });
  });

  it('survives a JSON round trip in every state, and goes on from there', () => {
    const paths = getShortestPaths(taskMachine, {
      input: { ...input, blockedBy: [3], startAfter: now + 1, maxRetries: 1 },
      events: ({ context: { attempt } }) =>
        [...Object.values(events), due()].map(
          (event) => ({ ...event, ...('attempt' in event && { attempt }) }) as TaskEvent
        ),
      stopWhen: ({ context: { attempt } }) => attempt > 2
    });
    expect(new Set(paths.map(({ state }) => state.value))).toEqual(new Set(taskStatuses));
    for (const { state } of paths) {
      const actor = createActor(taskMachine, {
        input,
        snapshot: taskMachine.getPersistedSnapshot(state as never)
      });
      const persisted = actor.getPersistedSnapshot();
      const copy = JSON.parse(JSON.stringify(persisted)) as typeof persisted;
      expect(copy).toEqual(persisted);
      expect(createActor(taskMachine, { input, snapshot: copy }).getSnapshot()).toMatchObject({
        value: state.value,
        context: state.context,
        status: state.status
      });
    }
  });

  it('keeps its rows consistent, whatever it is told', () => {
    fc.assert(
      fc.property(fc.option(fc.nat(3)), blockedBy, fc.array(anyEvent, { maxLength: 60 }), (...given) => {
        const [maxRetries, blockedBy, told] = given;
        const { send, state, context } = startTask({ maxRetries, blockedBy });
        for (const event of told) {
          const before = { state: state(), context: context() };
          send(event);
          const { attempt, failures, recoveries, blockedBy, dueAt, settledAt } = context();
          expect(dueAt !== null).toBe(['scheduled', 'backingOff'].includes(state()));
          expect(blockedBy !== null).toBe(state() === 'blocked');
          expect(settledAt !== null).toBe(isSettled(state()));
          expect(attempt).toBe(
            before.context.attempt + Number(before.state === 'queued' && state() === 'dispatched')
          );
          expect(failures).toBeLessThanOrEqual((maxRetries ?? policy.maxRetries) + 1);
          expect(recoveries).toBeLessThanOrEqual(policy.maxRecoveries + 1);
          expect(attempt).toBeGreaterThanOrEqual(failures + recoveries);
        }
      })
    );
  });
});

const blockedBy = fc.constantFrom(null, [3], [3, 5]);

/** Mostly of the attempt that is likely to be current. */
const anyEvent: fc.Arbitrary<TaskEvent> = fc
  .record({
    event: fc.constantFrom(...Object.values(events), claim(), claim(), started(1)),
    attempt: fc.integer({ min: 0, max: 5 }),
    at: fc.integer({ min: now, max: now + 100_000 })
  })
  .map(({ event, attempt, at }) => {
    return { ...event, ...('attempt' in event && { attempt }), ...('at' in event && { at }) } as TaskEvent;
  });

function isSettled(state: TaskStatus): boolean {
  return ['completed', 'failed', 'timedOut', 'cancelled'].includes(state);
}

function claim(): TaskEvent {
  return { type: 'task.claim', workerId: 'worker-1' };
}

function started(attempt: number) {
  return { type: 'attempt.started', attempt, at: now } as const;
}

function due(): TaskEvent {
  return { type: 'task.due', at: now + 60_000 };
}

function ended<Type extends 'attempt.failed' | 'attempt.timedOut' | 'attempt.lost'>(
  type: Type,
  attempt: number,
  changes: Partial<Extract<TaskEvent, { type: 'attempt.lost' }>> = {}
) {
  return { at: now, random: 0.5, policy, error: failure, ...changes, type, attempt };
}

/** The row of a task in its second attempt, after none failed. */
function contextIn(state: TaskStatus): TaskContext {
  return {
    ...input,
    // The machine keeps a start time as `dueAt`.
    ...({ startAfter: undefined } as object),
    attempt: 2,
    failures: 0,
    recoveries: 0,
    workerId: 'worker-1',
    blockedBy: state === 'blocked' ? [3, 5] : null,
    // A blocked task's start time may be still to come.
    dueAt: state === 'blocked' ? now + 1 : state === 'scheduled' || state === 'backingOff' ? now : null,
    startedAt: now,
    settledAt: isSettled(state) ? now : null,
    error: null
  };
}

function step(from: TaskStatus, event: TaskEvent, context: Partial<TaskContext> = {}) {
  const snapshot = taskMachine.resolveState({ value: from, context: { ...contextIn(from), ...context } });
  return transition(taskMachine, snapshot, event)[0];
}

function startTask(changes: Partial<TaskInput> = {}) {
  const task = createActor(taskMachine, { input: { ...input, ...changes } });
  task.start();
  return {
    send: (...told: TaskEvent[]) => {
      for (const event of told) if (task.getSnapshot().status === 'active') task.send(event);
    },
    state: () => task.getSnapshot().value,
    context: () => task.getSnapshot().context
  };
}
