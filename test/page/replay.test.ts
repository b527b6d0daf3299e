import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { taskStatuses, type TaskStatus } from '../../machines/index.ts';
import { findTasks, lifeOf, stepTitle } from '../../src/page/replay/life.ts';
import { advance, positionAt } from '../../src/page/replay/playback.ts';
import { Replay } from '../../src/page/replay/replay.ts';
import { marksOf, nextMark, timelineOf, turnsBy } from '../../src/page/replay/timeline.ts';
import type { Recording } from '../../src/recording/recording.ts';
import { recordingStart, recordingWith, recordRun } from './recordings.ts';

describe('a replay', () => {
  it('tells at any turn what the steps up to it add up to, however it was come to', () => {
    const run = recordRun(1_500, seeded(7));
    const replay = new Replay(run);
    fc.assert(
      fc.property(fc.array(fc.nat(run.turns.length), { minLength: 1, maxLength: 12 }), (jumps) => {
        for (const turns of jumps) {
          const { tasks, workerStates, batches, failures, transitions } = replay.frameAt(turns);
          expect({ tasks, workerStates, transitions }).toEqual(foldedNaively(run, turns));
          expect(batches.reduce((sum, { completedTasks }) => sum + completedTasks, 0)).toBe(tasks.completed);
          expect(failures.length).toBe(Math.min(50, tasks.failed + tasks.timedOut));
        }
      }),
      { numRuns: 40 }
    );
  });

  it('gives the same frame whether it comes from before or from behind', () => {
    const run = recordRun(3_000, seeded(11));
    const replay = new Replay(run);
    const forward = run.turns.map((_, index) => JSON.stringify(replay.frameAt(index + 1)));
    const backward = run.turns.map((_, index) => JSON.stringify(replay.frameAt(run.turns.length - index)));
    expect(backward.toReversed()).toEqual(forward);
  });

  it('stays within what was recorded', () => {
    const run = recordRun(100, seeded(3));
    const replay = new Replay(run);
    expect(replay.frameAt(-5)).toEqual(replay.frameAt(0));
    expect(replay.frameAt(1e9)).toEqual(replay.frameAt(run.turns.length));
    expect(replay.frameAt(run.turns.length).tasks).toMatchObject({ queued: 0, running: 0 });
  });

  it('knows what was there before the first turn', () => {
    const replay = new Replay(
      recordingWith({
        tasks: [{ key: 'a/1', batchId: 'a', type: 'resize' }],
        batches: ['a'],
        workers: ['worker-1'],
        initial: { tasks: { queued: 3, completed: 10 }, batches: { processing: 1 } },
        turns: [
          {
            turn: 90,
            at: recordingStart + 10,
            commitMs: 2,
            inputs: {},
            steps: [
              { machine: 'batch', subject: 0, event: 'tasks.counted', from: 'processing', to: 'processing' },
              {
                machine: 'task',
                subject: 0,
                event: 'task.claim',
                from: 'queued',
                to: 'dispatched',
                detail: { attempt: 3, workerId: 'worker-1.4' }
              },
              { machine: 'worker', subject: 0, event: 'attempts.begun', from: 'idle', to: 'busy' }
            ]
          }
        ]
      })
    );
    expect(replay.frameAt(0)).toMatchObject({
      tasks: { queued: 3, completed: 10 },
      batches: [{ id: 'a', status: 'processing', queuedTasks: 1 }],
      workers: [{ id: 'worker-1', state: 'idle', taskIds: [] }]
    });
    expect(replay.frameAt(1)).toMatchObject({
      turn: 90,
      tasks: { queued: 2, dispatched: 1 },
      batches: [{ queuedTasks: 0, runningTasks: 1 }],
      workers: [{ state: 'busy', taskIds: ['a/1'] }],
      totals: { totalTasks: 13 }
    });
  });

  it('counts what its tasks went through', () => {
    const run = recordRun(1_000, seeded(5));
    const { totals, durations, workers } = new Replay(run).frameAt(run.turns.length);
    const steps = run.turns.flatMap(({ steps }) => steps);
    expect(totals).toMatchObject({
      totalTasks: 1_000,
      totalBatches: 10,
      retriedAttempts: steps.filter(({ to }) => to === 'backingOff').length,
      lostAttempts: steps.filter(({ event }) => event === 'attempt.lost').length
    });
    expect(durations).toEqual({ p50: 40, p90: 40, p99: 40 });
    expect(workers.reduce((sum, { completed }) => sum + completed, 0)).toBe(
      steps.filter(({ event }) => event === 'attempt.completed').length
    );
  });
});

describe('the life of a task', () => {
  const run = recordRun(400, seeded(2));
  const retried = run.turns.flatMap(({ steps }) => steps).find(({ to }) => to === 'backingOff')?.subject ?? 0;

  it('has every step, with why it was retried', () => {
    const life = lifeOf(run, retried);
    expect(life[0]).toMatchObject({ from: null, to: 'queued', after: null });
    for (const [index, step] of life.slice(1).entries()) expect(step.from).toBe(life[index]?.to);
    const retry = life.find(({ to }) => to === 'backingOff');
    expect(retry?.why).toMatch(/^the attempt failed: ENOENT: .*; tried again in \d+ ms, at \d\d:\d\d:\d\d$/);
    expect(retry === undefined ? '' : stepTitle(retry)).toBe('backing off, after 40 ms running');
  });

  it('leads to the turn of each of its steps', () => {
    const replay = new Replay(run);
    const { batchId } = run.tasks[retried] ?? { batchId: '' };
    for (const { turns } of lifeOf(run, retried)) {
      expect(run.turns[turns - 1]?.steps.some(({ subject }) => subject === retried)).toBe(true);
      expect(replay.frameAt(turns).batches.some(({ id }) => id === batchId)).toBe(true);
    }
  });

  it('is found by a part of the key, those that begin with it first', () => {
    const recording = recordingWith({
      tasks: ['b/one', 'a/one', 'ONE', 'two'].map((key) => ({ key, batchId: null, type: 'resize' }))
    });
    expect(findTasks(recording, 'one', 2)).toEqual([2, 0]);
    expect(findTasks(recording, ' ', 2)).toEqual([]);
  });
});

describe('a playback', () => {
  const run = recordingWith({
    turns: [100, 200, 10_200].map((ms, index) => ({
      turn: index + 1,
      at: recordingStart + ms,
      commitMs: 1,
      inputs: {},
      steps: []
    }))
  });

  it('goes as fast as its speed says', () => {
    const start = positionAt(run, 0);
    expect(advance(run, start, 90, 1).turns).toBe(0);
    expect(advance(run, start, 100, 1).turns).toBe(1);
    expect(advance(run, start, 20, 10).turns).toBe(2);
  });

  it('does not wait through a long silence', () => {
    const position = advance(run, positionAt(run, 2), 16, 1);
    expect(position.turns).toBe(2);
    expect(advance(run, position, 1_500, 1).turns).toBe(3);
  });

  it('ends at the last turn', () => {
    const end = positionAt(run, 3);
    expect(advance(run, end, 1_000, 200)).toEqual(end);
  });

  it('jumps to what failed and what was retried, either way', () => {
    const recording = recordRun(300, seeded(9));
    const { failures, retries } = marksOf(recording);
    expect(failures.length).toBeGreaterThan(0);
    expect(retries.length).toBeGreaterThan(0);
    expect(nextMark(failures, { turns: 0, task: null }, false)).toBe(failures[0]);
    const end = { turns: recording.turns.length, task: null };
    expect(nextMark(failures, end, true)).toBe(failures.at(-1));
    expect(nextMark(failures, end, false)).toBe(null);
  });

  it('jumps to each of several that failed in one turn', () => {
    const marks = [
      { turns: 3, task: 7 },
      { turns: 5, task: 1 },
      { turns: 5, task: 2 },
      { turns: 9, task: 1 }
    ];
    const [first, second, third, last] = marks;
    expect(nextMark(marks, { turns: 3, task: null }, false)).toBe(second);
    expect(nextMark(marks, { turns: 5, task: 1 }, false)).toBe(third);
    expect(nextMark(marks, { turns: 5, task: 2 }, false)).toBe(last);
    expect(nextMark(marks, { turns: 5, task: 2 }, true)).toBe(second);
    expect(nextMark(marks, { turns: 5, task: 8 }, true)).toBe(first);
  });

  it('finds the turn of a time', () => {
    expect([50, 100, 150, 200, 99_999].map((ms) => turnsBy(run.turns, recordingStart + ms))).toEqual([
      0, 1, 1, 2, 3
    ]);
  });
});

it('the timeline of a long recording has few points, and ends as the recording does', () => {
  const run = recordRun(20_000, seeded(4));
  const { at, completed, failed } = timelineOf(run);
  const { tasks } = new Replay(run).frameAt(run.turns.length);
  expect(at.length).toBeLessThanOrEqual(602);
  expect(at.toSorted((a, b) => a - b)).toEqual(at);
  expect(completed.at(-1)).toBe(tasks.completed);
  expect(failed.at(-1)).toBe(tasks.failed + tasks.timedOut);
});

/** Every subject's last state, looked for from the first turn on. */
function foldedNaively({ turns }: Recording, taken: number) {
  const steps = turns.slice(0, taken).flatMap(({ steps }) => steps);
  const lastOf = (wanted: string) => {
    const states = new Map<number, string>();
    for (const { machine, subject, to } of steps) if (machine === wanted) states.set(subject, to);
    return [...states.values()];
  };
  const tasks = Object.fromEntries(
    taskStatuses.map((status) => [status, lastOf('task').filter((state) => state === status).length])
  ) as Record<TaskStatus, number>;
  const workerStates: Record<string, number> = {};
  for (const state of lastOf('worker')) workerStates[state] = (workerStates[state] ?? 0) + 1;
  const transitions = steps.filter(
    ({ machine, event }) => event !== null && (machine === 'task' || machine === 'batch')
  ).length;
  return { tasks, workerStates, transitions };
}

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 16_807) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
