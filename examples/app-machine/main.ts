import { createActor, waitFor } from 'xstate';
import { memoryStore } from 'xstate-fleet';
import { createAppMachine, type Invoice } from './appMachine.ts';

const invoices: readonly Invoice[] = [
  {
    number: '2026-001',
    lines: [
      { quantity: 3, price: 120 },
      { quantity: 1, price: 49 }
    ]
  },
  { number: '2026-002', lines: [] },
  { number: '2026-003', lines: [{ quantity: 12, price: 8 }] }
];

const app = createActor(createAppMachine(memoryStore()), { input: { batchId: 'november', invoices } });
app.subscribe(({ value }) => console.log(`app: ${JSON.stringify(value)}`));
app.start();
app.send({ type: 'invoices.bill' });

const { children } = app.getPersistedSnapshot() as { readonly children?: unknown };
console.log('the app persists of its fleet:', JSON.stringify(children));

const { context } = await waitFor(app, ({ status }) => status === 'done');
console.log(`the batch settled as ${context.outcome}:`, context.statement);
