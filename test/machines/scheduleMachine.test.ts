import { createActor, transition, initialTransition } from 'xstate';
import { describe, expect, it } from 'vitest';
import {
  scheduleMachine,
  type ScheduleEvent,
  type ScheduleInput,
  type ScheduleSpec,
  type ScheduleState
} from '../../machines/index.ts';
import { scheduleLifecycle } from '../../src/ledger/lifecycles.ts';

const now = Date.UTC(2026, 0, 1);
const hour = 3_600_000;
const spec: ScheduleSpec = {
  cron: null,
  timeZone: null,
  everyMs: hour,
  catchUp: 'last',
  overlap: 'allow',
  startAt: null,
  endAt: null,
  maxRuns: 3
};
const input: ScheduleInput = {
  id: 'nightly',
  spec,
  kind: 'task',
  tasks: 1,
  size: 20,
  createdAt: now,
  dueAt: now + hour
};
const run = { at: now + hour, batchId: null, taskKey: 'nightly@t', seq: 4 };
const update: ScheduleEvent = {
  type: 'schedule.update',
  spec: { ...spec, everyMs: 2 * hour },
  kind: 'batch',
  tasks: 2,
  size: 30,
  dueAt: now + 2 * hour,
  at: now + 1
};

const ways: Record<ScheduleState, readonly ScheduleEvent[]> = {
  active: [],
  paused: [{ type: 'schedule.pause' }],
  ended: [{ type: 'time.skipped', count: 1, dueAt: null }]
};

function after(...events: readonly ScheduleEvent[]) {
  let [snapshot] = initialTransition(scheduleMachine, input);
  for (const event of events) [snapshot] = transition(scheduleMachine, snapshot, event);
  return snapshot;
}

describe('scheduleMachine', () => {
  it.each<[from: ScheduleState, what: string, event: ScheduleEvent, to: ScheduleState]>([
    [
      'active',
      'that fired, and has a time left',
      { type: 'time.fired', run, dueAt: now + 2 * hour },
      'active'
    ],
    ['active', 'that fired its last time', { type: 'time.fired', run, dueAt: null }, 'ended'],
    [
      'active',
      'that passed a time over',
      { type: 'time.skipped', count: 2, dueAt: now + 4 * hour },
      'active'
    ],
    ['active', 'that passed its last time over', { type: 'time.skipped', count: 2, dueAt: null }, 'ended'],
    ['active', 'that is changed', update, 'active'],
    [
      'active',
      'that is changed to one that has had its runs',
      { ...update, spec: { ...spec, maxRuns: 0 } },
      'ended'
    ],
    ['active', 'that is paused', { type: 'schedule.pause' }, 'paused'],
    ['active', 'that is resumed', { type: 'schedule.resume', dueAt: now + 9 * hour }, 'active'],
    ['paused', 'that is resumed', { type: 'schedule.resume', dueAt: now + 9 * hour }, 'active'],
    ['paused', 'that is resumed after its last time', { type: 'schedule.resume', dueAt: null }, 'ended'],
    ['paused', 'that is changed', update, 'paused'],
    ['paused', 'that is paused', { type: 'schedule.pause' }, 'paused'],
    ['paused', 'that is told of a run', { type: 'time.fired', run, dueAt: now + 2 * hour }, 'paused'],
    ['ended', 'that is changed', update, 'ended'],
    ['ended', 'that is resumed', { type: 'schedule.resume', dueAt: now + 9 * hour }, 'ended'],
    ['ended', 'that is paused', { type: 'schedule.pause' }, 'ended']
  ])('%s, one %s: %o leads to %s', (from, _, event, to) => {
    const before = after(...ways[from]);
    expect(before.value).toBe(from);
    expect(transition(scheduleMachine, before, event)[0].value).toBe(to);
  });

  it('counts its runs, remembers the last one, and ends with the one that it was limited to', () => {
    const fired = (at: number): ScheduleEvent => ({
      type: 'time.fired',
      run: { ...run, at },
      dueAt: at + hour
    });
    const twice = after(fired(now + hour), fired(now + 2 * hour));
    expect(twice).toMatchObject({ value: 'active', context: { runs: 2, dueAt: now + 3 * hour } });

    const [third] = transition(scheduleMachine, twice, fired(now + 3 * hour));

    expect(third).toMatchObject({
      value: 'ended',
      context: { runs: 3, dueAt: null, lastRun: { at: now + 3 * hour } }
    });
  });

  it('adds up what it passed over', () => {
    const { context } = after(
      { type: 'time.skipped', count: 2, dueAt: now + 3 * hour },
      { type: 'time.skipped', count: 40, dueAt: now + 43 * hour }
    );
    expect(context).toMatchObject({ skipped: 42, runs: 0, dueAt: now + 43 * hour, lastRun: null });
  });

  it('takes another spec and keeps what it has counted', () => {
    const { context } = after({ type: 'time.fired', run, dueAt: now + 2 * hour }, update);
    expect(context).toMatchObject({
      spec: { everyMs: 2 * hour },
      kind: 'batch',
      tasks: 2,
      size: 30,
      dueAt: now + 2 * hour,
      updatedAt: now + 1,
      createdAt: now,
      runs: 1
    });
  });

  it('is due at no time while it is paused, changed or not', () => {
    expect(after({ type: 'schedule.pause' }).context.dueAt).toBeNull();
    expect(after({ type: 'schedule.pause' }, update).context.dueAt).toBeNull();
  });

  it('that has no time at all has ended', () => {
    const [snapshot] = initialTransition(scheduleMachine, { ...input, dueAt: null });
    expect(snapshot).toMatchObject({ value: 'ended', status: 'done' });
  });

  it('steps as a row like an actor does', () => {
    const events: ScheduleEvent[] = [
      { type: 'time.fired', run, dueAt: now + 2 * hour },
      { type: 'schedule.pause' },
      update,
      { type: 'schedule.resume', dueAt: now + 6 * hour },
      { type: 'time.skipped', count: 1, dueAt: null }
    ];
    const actor = createActor(scheduleMachine, { input }).start();
    let row = scheduleLifecycle.create(input);
    for (const event of events) {
      actor.send(event);
      row = scheduleLifecycle.step(row, event);
      const { value, context } = actor.getSnapshot();
      expect(row).toEqual({ state: value, context });
    }
  });
});
