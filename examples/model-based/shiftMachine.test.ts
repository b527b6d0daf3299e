import { describe, expect, it } from 'vitest';
import { assertCovered, checkInvariants, edgeTests } from 'xstate-fleet/testing';
import { workerMachine } from 'xstate-fleet/machines';
import { pressMachine, shiftMachine } from './shiftMachine.ts';

const report = {
  slot: 'press',
  workerId: 'press',
  concurrency: 1,
  prefetch: 0,
  tasksPerWorker: null,
  tags: [],
  types: null,
  spawnedAt: null,
  problem: 'jammed'
};
const shift = { events: { 'shift.begin': [{}], 'shift.end': [{}], 'worker.broken': [report] } };
const work = { taken: 1, completed: 1, failed: 0 };
const press = {
  input: { slot: 'press', concurrency: 1, tasksPerWorker: 1, tags: [], restored: null },
  actors: { startWorker: { outputs: [{ at: 0, tags: [] }] } },
  events: {
    'attempts.begun': [{}],
    'attempts.ended': [work, { ...work, failed: 1 }]
  },
  // Which press it is, and what it has done, decides nothing.
  serializeState: () => null,
  allowUnreached: true
};

describe('shiftMachine', () => {
  it.each(edgeTests(shiftMachine, shift).map((test) => [test.title, test] as const))('%s', (_, test) => {
    expect(() => test.run()).not.toThrow();
  });

  it('is covered, and never stuck', () => {
    assertCovered(shiftMachine);
    expect(checkInvariants(shiftMachine, { ...shift, restingStates: ['closed'] })).toEqual([]);
  });
});

describe('pressMachine', () => {
  it('differs from a worker of the library in when it is spent, and in nothing else', () => {
    const differing = edgeTests(workerMachine, press).filter((test) => {
      try {
        test.run({ machine: pressMachine });
        return false;
      } catch {
        return true;
      }
    });

    expect(differing.map(({ title }) => title)).toEqual([
      'busy: attempts.ended [isSucceeded] -> idle is refused',
      'busy: attempts.ended [isSpent] -> recycling',
      'recycling: done of recycleWorker -> spawning',
      'recycling: error of recycleWorker -> spawning'
    ]);
  });

  it.each(edgeTests(pressMachine, press).map((test) => [test.title, test] as const))('%s', (_, test) => {
    expect(() => test.run()).not.toThrow();
  });
});
