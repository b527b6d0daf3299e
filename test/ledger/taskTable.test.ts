import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TaskInput } from '../../machines/taskMachine.ts';
import { taskLifecycle } from '../../src/ledger/lifecycles.ts';
import { TaskTable } from '../../src/ledger/taskTable.ts';
import type { TaskRow } from '../../src/store.ts';

const newRow = (seq: number, changes: Partial<TaskInput> = {}): TaskRow =>
  taskLifecycle.create({
    seq,
    key: `b/${seq}`,
    batchId: 'b',
    type: 'resize',
    priority: 5,
    tags: [],
    timeoutMs: null,
    maxRetries: null,
    retryOf: null,
    createdAt: 1_000,
    blockedBy: null,
    readyAt: null,
    startAfter: null,
    ...changes
  });

const claim = (row: TaskRow): TaskRow => taskLifecycle.step(row, { type: 'task.claim', workerId: 'w' });

describe('TaskTable', () => {
  it('gives a waiting task back as it was', () => {
    const table = new TaskTable();
    const row = newRow(7, { batchId: null, startAfter: 9_000 });

    table.set(row);

    expect(table.get(7)).toEqual(row);
    expect(table.get(8)).toBeUndefined();
  });

  it('keeps a task that was attempted whole', () => {
    const table = new TaskTable();
    const row = claim(newRow(7));

    table.set(newRow(7));
    table.set(row);

    expect(table.get(7)).toBe(row);
    table.delete(7);
    expect(table.get(7)).toBeUndefined();
  });

  it('tells tasks apart that differ in any one field', () => {
    const table = new TaskTable();
    const rows = [
      newRow(1),
      newRow(2, { priority: 6 }),
      newRow(3, { type: 'crop' }),
      newRow(4, { batchId: null }),
      newRow(5, { createdAt: 1_001 }),
      newRow(6, { startAfter: 5_000 }),
      newRow(7, { timeoutMs: 10 }),
      newRow(8, { maxRetries: 0 }),
      newRow(9, { retryOf: 'b/1' }),
      newRow(10, { blockedBy: [1] }),
      newRow(11, { blockedBy: [1, 2] }),
      newRow(12, { blockedBy: [] }),
      newRow(13, { readyAt: 5_000 }),
      newRow(14, { tags: ['gpu'] }),
      newRow(15, { tags: ['eu', 'gpu'] })
    ];

    for (const row of rows) table.set(row);

    expect(rows.map(({ context }) => table.get(context.seq))).toEqual(rows);
  });

  it('does what a map of rows does', () => {
    const seq = fc.integer({ min: 1, max: 3_000 });
    const change = fc.record({
      priority: fc.integer({ min: 0, max: 40 }),
      blockedBy: fc.constantFrom(null, null, [7], [7, 9]),
      startAfter: fc.option(fc.integer({ min: 1, max: 50 }))
    });
    const steps = fc.array(
      fc.tuple(fc.constantFrom('set', 'unblock', 'queue', 'claim', 'delete'), seq, change),
      {
        maxLength: 200
      }
    );
    fc.assert(
      fc.property(steps, (taken) => {
        const table = new TaskTable();
        const model = new Map<number, TaskRow>();
        const put = (row: TaskRow): void => {
          table.set(row);
          model.set(row.context.seq, row);
        };
        for (const [step, at, changes] of taken) {
          const row = model.get(at);
          if (step === 'set' && row === undefined) put(newRow(at, changes));
          if (step === 'unblock' && row) {
            put(taskLifecycle.step(row, { type: 'dependencies.completed', at: 10 }));
          }
          if (step === 'queue' && row) put(taskLifecycle.step(row, { type: 'task.due', at: 100 }));
          if (step === 'claim' && row) put(claim(row));
          if (step === 'delete') {
            table.delete(at);
            model.delete(at);
          }
          expect(table.get(at)).toEqual(model.get(at));
          expect(table.has(at)).toBe(model.has(at));
        }
        for (const at of model.keys()) expect(table.get(at)).toEqual(model.get(at));
        const bySeq = (rows: Iterable<TaskRow>) => [...rows].sort((a, b) => a.context.seq - b.context.seq);
        expect(bySeq(table.rows())).toEqual(bySeq(model.values()));
      })
    );
  });
});
