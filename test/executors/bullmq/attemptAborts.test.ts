import type { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { AttemptAborts } from '../../../src/executors/bullmq/attemptAborts.ts';
import { FleetKeys } from '../../../src/executors/bullmq/fleetKeys.ts';
import type { Given } from '../../../src/executors/bullmq/givenAttempts.ts';
import { gate } from '../../harness.ts';
import { attemptOf } from '../reports.ts';

describe('aborts of what a worker has', () => {
  it('take out what waits before they tell of what runs, and tell of what was begun meanwhile', async () => {
    const [runs, waits, begins] = ['started', 'sent', 'sent'].map((state, index) =>
      givenOf(index + 1, state as Given['state'])
    );
    const open = new Set([runs, waits, begins]);
    const [removal, ordered] = [gate(), gate<readonly string[]>()];
    const told: string[] = [];
    const aborts = new AttemptAborts({
      redis: {
        eval: (_: string, count: number, key: string, ...texts: string[]) => {
          told.push(`order ${count} ${key}`);
          ordered.open(texts);
          return Promise.resolve(null);
        }
      } as unknown as Redis,
      keys: new FleetKeys('p', 'f'),
      queues: {
        remove: async ({ jobId }) => {
          await removal.promise;
          told.push(`remove ${jobId}`);
          return jobId === waits!.jobId;
        }
      },
      isOpen: (given) => open.has(given),
      onTakenOut: (given) => void open.delete(given),
      untilDone: (act) => act()
    });
    for (const given of [runs!, waits!, begins!]) aborts.bring(given);
    removal.open();
    const texts = await ordered.promise;
    expect(told).toEqual(['remove 2-1-r', 'remove 3-1-r', 'order 1 p:f:w:@aborts']);
    expect(texts.filter((_, index) => index % 3 === 0)).toEqual(['1-1-r', '3-1-r']);
    expect([...open]).toEqual([runs, begins]);
  });
});

function givenOf(seq: number, state: Given['state']): Given {
  return {
    ref: { seq, attempt: 1 },
    jobId: `${seq}-1-r`,
    workerId: 'w',
    attempt: attemptOf(seq, 'echo', null, { workerId: 'w' }),
    state,
    abortCause: { kind: 'cancelled', message: 'not wanted' },
    lookedAt: 0,
    isUnlocked: false,
    isUnwanted: false
  };
}
