import { describe, expect, it } from 'vitest';
import type { WorkerReport } from '../../machines/workerMachine.ts';
import { Roster } from '../../src/ledger/roster.ts';
import { rowOf, taskOf } from '../stores/rows.ts';

describe('a worker that an earlier process had', () => {
  it('is busy as long as it holds something, and gone then', () => {
    const roster = new Roster();
    const row = rowOf(taskOf(1), 'running', { attempt: 1, workerId: 'gone' });
    roster.hold(row);
    roster.linger('gone', { seq: 2, attempt: 1 });
    roster.drop(row);
    expect(roster).toMatchObject({ busy: 1, size: 1 });
    roster.forget('gone', { seq: 2, attempt: 1 });
    expect(roster).toMatchObject({ busy: 0, size: 0 });
  });

  it('is counted no more once all that it held was given back', () => {
    const roster = new Roster();
    const row = rowOf(taskOf(1), 'running', { attempt: 1, workerId: 'gone' });
    roster.hold(row);
    roster.drop(row);
    expect(roster).toMatchObject({ busy: 0, size: 0 });
  });
});

describe('a worker that came back in another place', () => {
  it('stays when the place that it had before empties', () => {
    const roster = new Roster();
    roster.record(reportOf('worker.ready', 'worker-1'));
    roster.record(reportOf('worker.lost', 'worker-1'));
    roster.record(reportOf('worker.ready', 'worker-2'));
    roster.record(reportOf('worker.stopped', 'worker-1'));
    expect(roster.get('a')).toMatchObject({ slot: 'worker-2', accepting: true });
    roster.record(reportOf('worker.stopped', 'worker-2'));
    expect(roster.size).toBe(0);
    expect(roster.offers).toEqual([]);
  });
});

describe('a worker that is given tasks ahead', () => {
  it('has room for those beside what it runs at once, and none while it holds more than it is to have', () => {
    const roster = new Roster();
    const rows = [1, 2, 3].map((seq) => rowOf(taskOf(seq), 'running', { attempt: 1, workerId: 'a' }));
    roster.record({ ...reportOf('worker.ready', 'worker-1'), concurrency: 1, prefetch: 2 });
    const hasRoom = rows.map((row) => {
      roster.hold(row);
      return roster.get('a')!.isReady;
    });
    expect(hasRoom).toEqual([true, true, false]);
    roster.record({ ...reportOf('worker.offering', 'worker-1'), concurrency: 1, prefetch: 0 });
    for (const row of rows.slice(1)) roster.drop(row);
    expect(roster.get('a')!.isReady).toBe(false);
    roster.drop(rows[0]!);
    expect(roster.get('a')!.isReady).toBe(true);
  });
});

function reportOf(type: WorkerReport['type'], slot: string): WorkerReport {
  return {
    type,
    slot,
    workerId: 'a',
    concurrency: 1,
    prefetch: 0,
    tasksPerWorker: null,
    tags: [],
    types: ['work'],
    spawnedAt: null,
    problem: null
  };
}
