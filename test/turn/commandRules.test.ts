import { describe, expect, it } from 'vitest';
import { defaultFleetConfig } from '../../machines/fleetConfig.ts';
import { nothingFound } from '../../src/journal/lookups.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { expireBatches } from '../../src/turn/batchRules.ts';
import { carryOut } from '../../src/turn/commandRules.ts';
import { Turn } from '../../src/turn/turn.ts';
import { now, settledBatchOf } from '../stores/rows.ts';

describe('expireBatches', () => {
  it.each<
    [what: string, settledAt: number, state: 'underway' | 'interrupted' | undefined, removals: string[]]
  >([
    ['is as it was found', now, undefined, ['b']],
    ['is another one of the same name by now', now - 1, undefined, []],
    ['is being removed', now, 'underway', []],
    ['is half removed', now, 'interrupted', ['b']]
  ])('asked for a batch that %s', (_, settledAt, state, removals) => {
    const ledger = new Ledger();
    if (state) ledger.removing.set('b', state);
    const turn = turnOver(ledger);
    expireBatches(turn, { type: 'batches.expired', batches: [{ id: 'b', settledAt }] });

    expect(turn.removals).toEqual(removals.map((batchId) => ({ batchId, asker: null })));
  });

  it('takes a batch once, and none that is gone', () => {
    const turn = turnOver(new Ledger());
    const expired = { id: 'b', settledAt: now };
    expireBatches(turn, {
      type: 'batches.expired',
      batches: [expired, expired, { id: 'gone', settledAt: now }]
    });

    expect(turn.removals).toEqual([{ batchId: 'b', asker: null }]);
  });
});

describe('batch.submit', () => {
  it.each([
    ['a later piece', { exclusive: true }, {}],
    ['the rest of a piece', { exclusive: false }, { admitted: 1 }]
  ])('with %s of a batch that is gone begins no other one under its id', (_, { exclusive }, part) => {
    const turn = turnOver(new Ledger());
    const submission = {
      type: 'batch.submit',
      batchId: 'gone',
      tasks: [],
      seal: false,
      total: 2,
      metadata: null,
      fresh: true,
      exclusive,
      announced: 0
    } as const;
    carryOut(turn, new Ledger(), { type: 'command', command: submission, commandId: 'c', ...part });

    expect(turn.replies).toMatchObject([{ commandId: 'c', error: { code: 'ERR_CONFLICT', id: 'gone' } }]);
    expect(turn.isIdle).toBe(true);
  });
});

/** A turn that found the settled batch `b`. */
function turnOver(ledger: Ledger): Turn {
  return new Turn(ledger, {
    at: now,
    activeNow: 0,
    random: () => 0.5,
    config: defaultFleetConfig,
    isDispatching: true,
    types: new Set(),
    canEndHandlers: false,
    isRemote: false,
    tellsTasks: false,
    keepsSteps: false,
    found: { ...nothingFound, batches: new Map([['b', settledBatchOf('b')]]) }
  });
}
