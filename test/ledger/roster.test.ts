import { describe, expect, it } from 'vitest';
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
