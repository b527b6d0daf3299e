import { createActor, transition } from 'xstate';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  activeTasks,
  batchStates,
  noTaskCounts,
  settledTasks,
  type BatchState,
  type TaskCounts
} from '../../machines/batch.ts';
import { batchMachine, type BatchContext, type BatchEvent } from '../../machines/batchMachine.ts';
import { taskStatuses } from '../../machines/task.ts';

const now = Date.UTC(2026, 0, 1);

/** Every event that leaves the batch of two tasks unsettled. */
const events = {
  'batch.seal': { type: 'batch.seal', at: now },
  'batch.pause': { type: 'batch.pause' },
  'batch.resume': { type: 'batch.resume' },
  'batch.cancel': { type: 'batch.cancel', at: now },
  'tasks.added': { type: 'tasks.added', count: 1, firstSeq: 9, lastSeq: 9 },
  'tasks.counted': counted({ queued: 2 })
} as const satisfies { [Type in BatchEvent['type']]: Extract<BatchEvent, { type: Type }> };

/** Where each state goes while tasks are left. An event that is not named keeps the state. */
const chart: Record<BatchState, Partial<Record<BatchEvent['type'], BatchState>>> = {
  accepting: { 'batch.seal': 'pending', 'batch.cancel': 'cancelling' },
  pending: { 'batch.pause': 'paused', 'batch.cancel': 'cancelling' },
  processing: { 'batch.pause': 'paused', 'batch.cancel': 'cancelling' },
  paused: { 'batch.resume': 'pending', 'batch.cancel': 'cancelling' },
  cancelling: {},
  completed: {},
  failed: {},
  partial: {},
  cancelled: {}
};
const cells = batchStates.flatMap((from) =>
  Object.values(events).map((event) => [from, event.type, chart[from][event.type] ?? 'same'] as const)
);

describe('batchMachine transitions', () => {
  it.each(cells)('%s on %s goes to %s', (from, type, to) => {
    expect(step(from, events[type]).value).toBe(to === 'same' ? from : to);
  });

  it.each<[from: BatchState, counts: Partial<TaskCounts>, to: BatchState]>([
    ['accepting', { running: 1, queued: 1 }, 'accepting'],
    ['accepting', { completed: 2 }, 'accepting'],
    ['pending', { scheduled: 1, queued: 1 }, 'pending'],
    ['pending', { cancelled: 1, queued: 1 }, 'pending'],
    ['pending', { dispatched: 1, queued: 1 }, 'processing'],
    ['pending', { running: 2 }, 'processing'],
    ['pending', { backingOff: 1, queued: 1 }, 'processing'],
    ['pending', { completed: 1, queued: 1 }, 'processing'],
    ['pending', { failed: 1, queued: 1 }, 'processing'],
    ['pending', { cancelled: 2 }, 'failed'],
    ['pending', { completed: 2 }, 'completed'],
    ['processing', { running: 1, completed: 1 }, 'processing'],
    ['processing', { queued: 2 }, 'processing'],
    ['processing', { completed: 2 }, 'completed'],
    ['processing', { completed: 1, failed: 1 }, 'partial'],
    ['processing', { completed: 1, cancelled: 1 }, 'partial'],
    ['processing', { failed: 1, timedOut: 1 }, 'failed'],
    ['processing', { cancelled: 2 }, 'failed'],
    ['paused', { running: 1, completed: 1 }, 'paused'],
    ['paused', { completed: 2 }, 'completed'],
    ['paused', { completed: 1, timedOut: 1 }, 'partial'],
    ['paused', { failed: 2 }, 'failed'],
    ['cancelling', { cancelling: 1, cancelled: 1 }, 'cancelling'],
    ['cancelling', { cancelled: 2 }, 'cancelled'],
    ['cancelling', { completed: 2 }, 'cancelled'],
    ['cancelling', { failed: 2 }, 'cancelled']
  ])('%s, told %j, is %s', (from, counts, to) => {
    expect(step(from, counted(counts)).value).toBe(to);
  });
});

describe('batchMachine', () => {
  it('completes at once when it is sealed empty', () => {
    const { send, state, context } = startBatch();
    send({ type: 'batch.seal', at: now + 1 });
    expect(state()).toBe('completed');
    expect(context()).toMatchObject({ totalTasks: 0, settledAt: now + 1, startedAt: null });
  });

  it('is cancelled at once when it is cancelled empty', () => {
    const { send, state, context } = startBatch();
    send({ type: 'batch.cancel', at: now + 1 });
    expect(state()).toBe('cancelled');
    expect(context().settledAt).toBe(now + 1);
  });

  it('takes tasks, and remembers their range, until it is sealed', () => {
    const { send, context } = startBatch();
    send(added(2, 5), added(3, 9), { type: 'batch.seal', at: now }, added(4, 20));
    expect(context()).toMatchObject({ totalTasks: 5, firstSeq: 5, lastSeq: 11 });
  });

  it('cannot settle before it is sealed, and then does so at once', () => {
    const { send, state, context } = startBatch();
    send(added(2, 1), counted({ completed: 2 }, now + 1));
    expect(state()).toBe('accepting');
    expect(context().settledAt).toBeNull();

    send(added(1, 3), counted({ completed: 3 }, now + 2), { type: 'batch.seal', at: now + 3 });

    expect(state()).toBe('completed');
    expect(context()).toMatchObject({ startedAt: now + 1, settledAt: now + 3 });
  });

  it('remembers when its first task was started, and never again', () => {
    const { send, context } = startBatch();
    send(added(2, 1), counted({ queued: 2 }, now + 1));
    expect(context().startedAt).toBeNull();

    send(counted({ running: 1, queued: 1 }, now + 2), counted({ completed: 1, running: 1 }, now + 3));

    expect(context().startedAt).toBe(now + 2);
  });

  it('goes on where it was when it is resumed', () => {
    const { send, state } = startBatch();
    send(added(2, 1), { type: 'batch.seal', at: now });
    send({ type: 'batch.pause' }, { type: 'batch.resume' });
    expect(state()).toBe('pending');

    send(counted({ running: 2 }), { type: 'batch.pause' });
    expect(state()).toBe('paused');
    send({ type: 'batch.resume' });
    expect(state()).toBe('processing');
  });

  it('is cancelled when the last of its tasks has settled, whatever had completed', () => {
    const { send, state, context } = startBatch();
    send(added(2, 1), { type: 'batch.seal', at: now }, counted({ completed: 1, running: 1 }));
    send({ type: 'batch.cancel', at: now });
    expect(state()).toBe('cancelling');

    send(counted({ completed: 1, cancelled: 1 }, now + 7));

    expect(state()).toBe('cancelled');
    expect(context().settledAt).toBe(now + 7);
  });

  it('settles once, when and only when its last task has, with the name that the counts deserve', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(anyStep, { maxLength: 30 }), (total, steps) => {
        const { send, state, context } = startBatch();
        send(added(total, 1), { type: 'batch.seal', at: now });
        for (const { shares, command } of steps) {
          send(shares ? counted(countsOf(shares.slice(0, total)), now + 1) : { type: command });
          const { counts, settledAt, startedAt } = context();
          expect(isFinal(state()) ? state() : 'open').toBe(nameOf(counts, total));
          expect(settledAt !== null).toBe(isFinal(state()));
          expect(startedAt !== null || activeTasks(counts) === 0).toBe(true);
        }
      })
    );
  });

  it.each(batchStates)('survives a JSON round trip in %s, and goes on from there', (state) => {
    const context = contextIn(state);
    const actor = createActor(batchMachine, {
      input,
      snapshot: batchMachine.getPersistedSnapshot(
        batchMachine.resolveState({ value: state, context }) as never
      )
    });
    const persisted = actor.getPersistedSnapshot();
    const copy = JSON.parse(JSON.stringify(persisted)) as typeof persisted;
    expect(copy).toEqual(persisted);
    expect(createActor(batchMachine, { input, snapshot: copy }).getSnapshot()).toMatchObject({
      value: state,
      context
    });
  });
});

const input = { id: 'b1', metadata: { owner: 'test' }, createdAt: now };

const anyStep = fc.oneof(
  fc.record({
    shares: fc.array(fc.constantFrom(...taskStatuses), { minLength: 4, maxLength: 4 }),
    command: fc.constant(null)
  }),
  fc.record({
    shares: fc.constant(null),
    command: fc.constantFrom('batch.pause' as const, 'batch.resume' as const)
  })
);

function countsOf(statuses: readonly (keyof TaskCounts)[]): Partial<TaskCounts> {
  const counts: Partial<Record<keyof TaskCounts, number>> = {};
  for (const status of statuses) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

/** What a sealed batch of `total` tasks that was not cancelled has become. */
function nameOf(counts: TaskCounts, total: number): BatchState | 'open' {
  if (settledTasks(counts) < total) return 'open';
  if (counts.completed === total) return 'completed';
  return counts.completed === 0 ? 'failed' : 'partial';
}

function counted(counts: Partial<TaskCounts>, at = now) {
  return { type: 'tasks.counted', counts: { ...noTaskCounts, ...counts }, at } as const;
}

function added(count: number, firstSeq: number): BatchEvent {
  return { type: 'tasks.added', count, firstSeq, lastSeq: firstSeq + count - 1 };
}

function isFinal(state: BatchState): boolean {
  return ['completed', 'failed', 'partial', 'cancelled'].includes(state);
}

/** A batch of two tasks. */
function contextIn(state: BatchState): BatchContext {
  const counts = { ...noTaskCounts, ...(isFinal(state) ? { completed: 2 } : { queued: 2 }) };
  return {
    ...input,
    counts,
    firstSeq: 7,
    lastSeq: 8,
    totalTasks: 2,
    startedAt: state === 'processing' ? now : null,
    settledAt: isFinal(state) ? now : null
  };
}

function step(from: BatchState, event: BatchEvent) {
  return transition(
    batchMachine,
    batchMachine.resolveState({ value: from, context: contextIn(from) }),
    event
  )[0];
}

function startBatch() {
  const batch = createActor(batchMachine, { input });
  batch.start();
  return {
    send: (...told: BatchEvent[]) => {
      for (const event of told) if (batch.getSnapshot().status === 'active') batch.send(event);
    },
    state: () => batch.getSnapshot().value,
    context: () => batch.getSnapshot().context
  };
}
