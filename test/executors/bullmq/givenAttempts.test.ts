import { expect, it } from 'vitest';
import { GivenAttempts, type Given } from '../../../src/executors/bullmq/givenAttempts.ts';

function givenOf(seq: number): Given {
  return {
    ref: { seq, attempt: 1 },
    jobId: `${seq}-1-run`,
    workerId: 'w',
    attempt: null,
    state: 'started',
    abortCause: null,
    lookedAt: 0,
    isUnlocked: false,
    isUnwanted: false
  };
}

it('has each of many attempts looked at in turn, however long the first ones run', () => {
  const given = new GivenAttempts();
  for (const seq of [1, 2, 3, 4, 5]) given.add(givenOf(seq));
  const looked = [1_000, 2_000, 3_000].map((now) => {
    const due = given.notHeardSince(now - 1_000, 2);
    for (const each of due) given.looked(each, now);
    return due.map(({ ref }) => ref.seq);
  });
  expect(looked).toEqual([
    [1, 2],
    [3, 4],
    [5, 1]
  ]);
});
