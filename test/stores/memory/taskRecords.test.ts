import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { taskStatuses } from '../../../machines/task.ts';
import type { StoredResult, TaskRow } from '../../../src/store.ts';
import { TaskRecords } from '../../../src/stores/memory/taskRecords.ts';
import { now, payloadOf, rowOf, taskOf } from '../rows.ts';

const error = { name: 'Error', message: 'no', retryable: true };
const state = fc.constantFrom(...taskStatuses);
const time = fc.constantFrom(null, now, now + 1);
const context: fc.Arbitrary<Partial<TaskRow['context']>> = fc.record(
  {
    attempt: fc.nat(3),
    failures: fc.nat(1),
    recoveries: fc.nat(1),
    workerId: fc.constantFrom(null, 'worker-1'),
    dueAt: time,
    readyAt: time,
    startedAt: time,
    settledAt: time,
    blockedBy: fc.constantFrom(null, [1]),
    error: fc.constantFrom(null, error)
  },
  { requiredKeys: [] }
);

const task = taskOf(7);
const completed = rowOf(task, 'completed', {
  attempt: 1,
  workerId: 'worker-1',
  startedAt: now,
  settledAt: now + 5
});
const result: StoredResult = {
  taskId: 'task-7',
  key: 'task-7',
  batchId: null,
  type: 'check',
  success: true,
  status: 'completed',
  result: '{"a":1}',
  duration: 5,
  timestamp: now + 5,
  attempts: 1,
  workerId: 'worker-1',
  settledSeq: 3,
  receivedAt: now + 5
};

describe('TaskRecords', () => {
  it('gives the latest row of a task as it was, whatever is in it', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), state, context)), (changes) => {
        const records = new TaskRecords();
        const rows = new Map<number, TaskRow>();
        for (const seq of [1, 2, 3, 1_025]) {
          records.add(taskOf(seq));
          rows.set(seq, taskOf(seq).row);
        }
        for (const [seq, next, changed] of changes) {
          const row = rowOf(taskOf(seq), next, changed);
          records.set(row);
          rows.set(seq, row);
        }
        for (const [seq, row] of rows) {
          expect(records.row(seq)).toEqual(row);
          expect(records.state(seq)).toBe(row.state);
        }
      })
    );
  });

  it('gives what tasks carry', () => {
    const records = new TaskRecords();
    const carried = payloadOf('1', { metadata: '2', dependsOn: '["a"]', idempotencyKey: 'k' });

    records.add(task);
    records.add({ ...taskOf(8), payload: carried });

    expect(records.payload(7)).toEqual(task.payload);
    expect(records.payload(8)).toEqual(carried);
    expect(records.payload(9)).toBeUndefined();
  });

  it('tells the result of a task by its row', () => {
    const records = settledRecords(completed);

    expect(records.settle(7, result)).toBe(true);

    expect(records.result(7)).toEqual(result);
  });

  it.each<[field: string, other: Partial<StoredResult>]>([
    ['another status', { status: 'cancelled', success: false }],
    ['no success', { success: false }],
    ['another id', { taskId: 'task-8' }],
    ['another type', { type: 'other' }],
    ['another batch', { batchId: 'b' }],
    ['another worker', { workerId: 'worker-2' }],
    ['another attempt', { attempts: 2 }],
    ['another duration', { duration: 6 }],
    ['another time', { timestamp: now }],
    ['another time of receipt', { receivedAt: now }],
    ['a message', { error: 'no' }],
    ['a failure', { failure: error }]
  ])('takes no result that has %s than its row says', (_, other) => {
    const records = settledRecords(completed);

    expect(records.settle(7, { ...result, ...other })).toBe(false);

    expect(records.result(7)).toBeUndefined();
  });

  it('takes one result of a task, and none of a task that failed or is not there', () => {
    const records = settledRecords(completed);

    expect(records.settle(7, result)).toBe(true);
    expect(records.settle(7, { ...result, settledSeq: 4 })).toBe(false);
    expect(settledRecords(rowOf({ row: completed }, 'completed', { failures: 1 })).settle(7, result)).toBe(
      false
    );
    expect(records.settle(8, result)).toBe(false);
    expect(records.settle(5_000, result)).toBe(false);
  });

  it('forgets a task that is removed, with its result', () => {
    const records = settledRecords(completed);
    records.settle(7, result);

    records.remove(7);
    expect(records.has(7)).toBe(false);
    expect(records.row(7)).toBeUndefined();

    records.add(task);
    expect(records.row(7)).toEqual(task.row);
    expect(records.result(7)).toBeUndefined();
  });
});

function settledRecords(row: TaskRow): TaskRecords {
  const records = new TaskRecords();
  records.add(task);
  records.set(row);
  return records;
}
