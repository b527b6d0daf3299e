import { createActor, waitFor } from 'xstate';
import { memoryStore } from 'xstate-fleet';
import { createAppMachine, type Invoice } from './appMachine.ts';

const invoices: readonly Invoice[] = [
  { number: '2026-001', lines: [{ quantity: 3, price: 120 }] },
  { number: '2026-002', lines: [] },
  { number: '2026-003', lines: [{ quantity: 12, price: 8 }] }
];

const app = createActor(createAppMachine(memoryStore()), { input: { batchId: 'november', invoices } });
app.start();
app.send({ type: 'invoices.bill' });
console.log('state:', app.getSnapshot().value);

const { children } = app.getPersistedSnapshot() as { readonly children?: unknown };
console.log('persisted of its fleet:', JSON.stringify(children));

const { value, context } = await waitFor(app, ({ status }) => status === 'done');
console.log('state:', value);
console.log('batch:', context.outcome, context.statement);
