import { describe, expect, it } from 'vitest';
import type { TaskStatus } from '../../../machines/task.ts';
import type { Stored } from '../../../reliability/chaos/oracle/stored.ts';
import { judge } from '../../../reliability/distributed/verdict.ts';
import type { Testimony } from '../../../reliability/distributed/witness.ts';
import type { Workload } from '../../../reliability/distributed/workload.ts';

const workload: Workload = {
  batches: [{ id: 'b', kinds: ['quick'], isCancelled: false }],
  isRepeated: false,
  maxRecoveries: 3
};
const asked = { type: 'asked', batchId: 'b', tasks: 1, pid: 1, at: 1 } as const;
const acknowledged = { ...asked, type: 'acknowledged', at: 2 } as const;
const began = (attempt: number, at: number): Testimony => ({
  type: 'began',
  key: 'b/1',
  attempt,
  pid: 100 + at,
  at
});
const heard = { type: 'heard', key: 'b/1', pid: 1, at: 8 } as const;
const settled = (settledSeq: number, at: number): Testimony => ({
  type: 'settled',
  key: 'b/1',
  status: 'completed',
  settledSeq,
  pid: 3,
  at
});
const whole = [asked, acknowledged, began(1, 3), settled(1, 4), heard];

describe('of a task, the verdict is', () => {
  it.each<[verdict: string, told: readonly Testimony[], found: Stored, problems: readonly string[]]>([
    ['nothing, where it ran and settled', whole, stored('completed', 1, ['1']), []],
    [
      'nothing, where its end was told by two managers',
      [...whole, settled(1, 5)],
      stored('completed', 1, ['1']),
      []
    ],
    [
      'nothing, where a zombie begins late what was given up',
      [asked, acknowledged, began(2, 3), settled(1, 4), heard, began(1, 9)],
      stored('completed', 2, ['2']),
      []
    ],
    [
      'lost, where it was acknowledged and is not there',
      [asked, acknowledged],
      stored(null, 0, []),
      ['b/1 was acknowledged, and is not there']
    ],
    [
      'stuck, where nobody was told that it is durable',
      [asked],
      stored(null, 0, []),
      ['b was not acknowledged']
    ],
    ['stuck, where it has no result', whole, stored('running', 1, []), ['b/1 is running']],
    [
      'duplicated, where it settled twice',
      [...whole, settled(2, 5)],
      stored('completed', 1, ['1']),
      ['b/1 was told to be completed and completed']
    ],
    [
      'duplicated, where it has two results',
      whole,
      stored('completed', 1, ['1', '1']),
      ['b/1 has two results']
    ],
    [
      'duplicated, where two runs share an attempt',
      [...whole, began(1, 3.5)],
      stored('completed', 1, ['1']),
      ['attempt 1 of b/1 ran twice']
    ],
    [
      'duplicated, where it ran again when it had completed',
      [...whole, began(2, 5)],
      stored('completed', 1, ['1']),
      ['attempt 2 of b/1 began when it had completed']
    ],
    [
      'duplicated, where the outcome of another attempt counts',
      whole,
      stored('completed', 2, ['1']),
      ['of b/1 the result of attempt 1 counts, not of 2']
    ],
    [
      'duplicated, where a client heard of it twice',
      [...whole, { ...heard, at: 9 }],
      stored('completed', 1, ['1']),
      ['a client heard of b/1 twice']
    ],
    [
      'nothing, where each of two clients heard of it',
      [...whole, { ...heard, pid: 2 }],
      stored('completed', 1, ['1']),
      []
    ],
    [
      'stuck, where no client heard of it',
      whole.filter((one) => one !== heard),
      stored('completed', 1, ['1']),
      ['no client was told that b/1 has settled']
    ],
    [
      'wrong, where more handlers run in a process than it has places',
      [asked, acknowledged, began(1, 3), { ...began(2, 3.5), pid: 103 }, settled(1, 4), heard],
      stored('completed', 1, ['1']),
      ['2 handlers ran in process 103 at once']
    ],
    [
      'wrong, where a worker of another version was given an attempt',
      [...whole, { type: 'misled', pid: 9, at: 9 }],
      stored('completed', 1, ['1']),
      ['an attempt was given to a worker of another version']
    ],
    [
      'wrong, where it failed and need not',
      whole,
      stored('failed', 1, ['1']),
      ['b/1 is failed, not completed: undefined']
    ],
    [
      'wrong, where a process threw',
      [...whole, { type: 'unhandled', error: 'oh', pid: 9, at: 9 }],
      stored('completed', 1, ['1']),
      ['unhandled in 9: oh']
    ]
  ])('%s', (verdict, told, found, problems) => {
    const judged = judge(told, found, workload);
    expect(judged.problems.map(({ text }) => text)).toEqual(problems);
    for (const { count } of judged.problems) expect(verdict).toContain(count);
    expect(judged.tried).toBe(1);
  });
});

it('counts no handler among those that run at once which is deaf to its abort', () => {
  const deaf: Workload = { ...workload, batches: [{ id: 'b', kinds: ['wedged'], isCancelled: false }] };
  const told = [asked, acknowledged, began(1, 3), { ...began(2, 3.5), pid: 103 }, settled(1, 4), heard];
  expect(judge(told, stored('completed', 2, ['2']), deaf).problems).toEqual([]);
});

/** What a store holds of the one task, as far as the verdict reads it. */
function stored(state: TaskStatus | null, attempt: number, results: readonly string[]): Stored {
  const row = { state, context: { key: 'b/1', attempt, error: null } };
  return {
    tasks: new Map(state === null ? [] : [['b/1', { row }]]),
    batches: new Map(),
    results: results.map((result) => ({ key: 'b/1', status: state, result })),
    schedules: []
  } as unknown as Stored;
}
