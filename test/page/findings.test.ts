import { describe, expect, it } from 'vitest';
import { noTaskCounts } from '../../machines/batch.ts';
import type { Frame } from '../../src/dashboard/frame.ts';
import { findingsOf } from '../../src/page/findings.ts';
import { frameWith } from './frames.ts';

const totals = { totalBatches: 1, totalTasks: 10, retriedAttempts: 0, lostAttempts: 0, lateOutcomes: 0 };

function told(
  tasks: Partial<Frame['tasks']>,
  changes: Partial<Frame> = {},
  completedPerSecond: number | null = null
) {
  const workerStates = { idle: 2 };
  const frame = frameWith({ totals, workerStates, ...changes, tasks: { ...noTaskCounts, ...tasks } });
  return findingsOf(frame, completedPerSecond).map(({ kind, text }) => `${kind}: ${text}`);
}

describe('a stranger is told', () => {
  it('that nothing is to be done', () => {
    expect(told({}, { totals: { ...totals, totalTasks: 0 } })).toEqual(['good: No task yet.']);
    expect(told({ completed: 10 })).toEqual(['good: Nothing to do: all tasks have settled.']);
  });

  it('how far it is, at the rate of now', () => {
    expect(told({ running: 12, queued: 434 }, {}, 19)).toEqual([
      'now: 12 tasks running, 434 queued: about 23 s at this rate.'
    ]);
    expect(told({ running: 1, queued: 434 }, {}, 0)).toEqual(['now: 1 task running, 434 queued.']);
    expect(told({ running: 12, queued: 3 }, {}, 19)).toEqual(['now: 12 tasks running, 3 queued.']);
    expect(told({ dispatched: 1 })).toEqual(['now: 1 task running, none queued.']);
    expect(told({ queued: 3 }, { workerStates: { busy: 1 } })).toEqual(['now: 3 tasks about to start.']);
  });

  it('that there is nobody to do it, or that nobody answers', () => {
    expect(told({ queued: 3 }, { workerStates: { stopped: 4 } })).toEqual([
      'bad: No worker: 3 tasks waiting. Scale the fleet up.'
    ]);
    expect(told({ queued: 3 }, { workerStates: {}, maxWorkers: null })).toEqual([
      'bad: No worker: 3 tasks waiting. Start one.'
    ]);
    expect(told({ running: 2 }, { workerStates: { busy: 1, unresponsive: 1 } })).toEqual([
      'bad: 1 worker not responding.',
      'now: 2 tasks running, none queued.'
    ]);
  });

  it('that the fleet, or a batch, is paused, and what that holds', () => {
    expect(told({ queued: 3 }, { isPaused: true })).toEqual([
      'warn: The fleet is paused: nothing starts until it is resumed; 3 tasks waiting.'
    ]);
    const batch = { id: 'b', status: 'paused', queuedTasks: 241 } as Frame['batches'][number];
    expect(told({ queued: 250, running: 2 }, { batches: [batch] }, 3)).toEqual([
      'warn: 1 batch paused, 241 tasks held by that.',
      'now: 2 tasks running, 9 queued: about 3 s at this rate.'
    ]);
  });

  it('what waits for an attempt, for other tasks, for its time, or for a worker that may take it', () => {
    expect(told({ backingOff: 1, running: 1 })).toEqual([
      'warn: 1 task failed and waiting for the next attempt.',
      'now: 1 task running, none queued.'
    ]);
    expect(told({ queued: 5, blocked: 2, scheduled: 1 })).toEqual([
      'warn: 5 tasks queued beside idle workers: tags or limits of types hold them.',
      'warn: 2 tasks blocked by tasks that they depend on.',
      'now: 1 task scheduled for later.'
    ]);
  });

  it('what an ended fleet has left', () => {
    expect(told({ queued: 3, backingOff: 1 }, { active: { fleet: ['operation.stopped'] } })).toEqual([
      'warn: The fleet has ended; 4 tasks left for its next start.'
    ]);
  });
});
