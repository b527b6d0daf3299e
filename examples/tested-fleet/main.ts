import { script, testFleet } from 'xstate-fleet/testing';
import { InvoiceFleet } from './invoiceFleet.ts';

const charge = script.sequence(script.fail('The bank does not answer'), script.succeed('receipt'));
await using fleet = await testFleet({ create: (options) => new InvoiceFleet(charge, options) });

const startedAt = fleet.clock.now();
await fleet.manager.submitBatch([{ id: '2026-1', type: 'charge', data: { cents: 500 } }]);
await fleet.crash({ at: 'beforeCommit', state: 'completed' });
console.log(
  `Crashed: the bank has charged, and the fleet does not know. It is ${await fleet.state('2026-1')}`
);
await fleet.restart();
await fleet.settle();

const hours = (fleet.clock.now() - startedAt) / 3_600_000;
console.log(`${await fleet.state('2026-1')} after ${hours} simulated hours`);
for (const { attempt, status, error } of fleet.attempts('2026-1')) {
  console.log(`  attempt ${attempt}: ${status} ${error?.message ?? ''}`);
}
console.log(
  `The bank was asked ${charge.calls.length} times, with ${new Set(charge.calls.map(({ key }) => key)).size} key`
);
