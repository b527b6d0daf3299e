import { describe, expect, it } from 'vitest';
import { script, testFleet } from 'xstate-fleet/testing';
import { InvoiceFleet, type Charge } from './invoiceFleet.ts';

const hourMs = 3_600_000;
const invoice = [{ id: '2026-1', type: 'charge' as const, data: { cents: 500 } }];
const start = (charge: Charge) => testFleet({ create: (options) => new InvoiceFleet(charge, options) });

describe('the invoice fleet', () => {
  it('asks a bank that does not answer again, later and later', async () => {
    await using fleet = await start(
      script.sequence(script.fail('down'), script.fail('down'), script.succeed('receipt'))
    );
    const startedAt = fleet.clock.now();
    await fleet.manager.submitBatch(invoice);
    await fleet.settle();
    expect(fleet.attempts('2026-1').map((attempt) => (attempt.startedAt - startedAt) / hourMs)).toEqual([
      0, 1, 3
    ]);
    expect(await fleet.state('2026-1')).toBe('completed');
  });

  it('tells of what it gives up, after 31 hours', async () => {
    await using fleet = await start(script.fail('down'));
    const startedAt = fleet.clock.now();
    await fleet.manager.submitBatch(invoice, { batchId: 'january' });
    await fleet.settle();
    expect(fleet.manager.unpaid).toEqual(new Map([['january/2026-1', 'down']]));
    expect((fleet.clock.now() - startedAt) / hourMs).toBe(31);
  });

  it('charges with one key, when it crashes before it knows that it has charged', async () => {
    const charge = script.succeed('receipt');
    await using fleet = await start(charge);
    await fleet.manager.submitBatch(invoice);
    await fleet.crash({ at: 'beforeCommit', state: 'completed' });
    await fleet.restart();
    await fleet.settle();
    expect(charge.calls.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(new Set(charge.calls.map(({ key }) => key)).size).toBe(1);
    expect(await fleet.manager.getStats()).toMatchObject({ completedTasks: 1, lostAttempts: 1 });
  });
});
