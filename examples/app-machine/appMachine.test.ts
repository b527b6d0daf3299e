import { createActor, waitFor } from 'xstate';
import { memoryStore, type Store } from 'xstate-fleet';
import { describe, expect, it } from 'vitest';
import { createAppMachine, type Invoice } from './appMachine.ts';

const fine: Invoice = { number: 'A', lines: [{ quantity: 2, price: 10 }] };
const empty: Invoice = { number: 'B', lines: [] };

describe('the app machine', () => {
  it('is done when its batch has settled, and has what the fleet made of it', async () => {
    const app = startApp(memoryStore(), [fine, { ...fine, number: 'C' }]);
    app.send({ type: 'invoices.bill' });

    const { value, context } = await waitFor(app, ({ status }) => status === 'done');

    expect(value).toBe('done');
    expect(context.outcome).toBe('completed');
    expect(context.statement).toEqual({ total: 40, rejected: [] });
  });

  it('names the invoices that the fleet could not add up', async () => {
    const app = startApp(memoryStore(), [fine, empty]);
    app.send({ type: 'invoices.bill' });

    const { context } = await waitFor(app, ({ status }) => status === 'done');

    expect(context.outcome).toBe('partial');
    expect(context.statement).toEqual({ total: 20, rejected: ['invoice B has no lines'] });
  });

  it('stays where it is when another batch settles', () => {
    const app = startApp(memoryStore(), [fine]);
    app.send({ type: 'invoices.bill' });
    app.send({ type: 'batch.settled', batchId: 'of somebody else', status: 'completed' });

    expect(app.getSnapshot().value).toBe('billing');
    app.stop();
  });

  it('fails when its fleet cannot start', async () => {
    const store = memoryStore();
    await store.open('invoices', 'somebody else');
    const app = startApp(store, [fine]);
    app.send({ type: 'invoices.bill' });

    const { value, context } = await waitFor(app, ({ status }) => status === 'done');

    expect(value).toBe('failed');
    expect(context.problem).toMatchObject({ code: 'ERR_LOCKED' });
  });

  it('persists no more of its fleet than name and version', () => {
    const app = startApp(memoryStore(), [fine]);
    app.send({ type: 'invoices.bill' });

    const persisted = JSON.parse(JSON.stringify(app.getPersistedSnapshot())) as PersistedApp;

    expect(persisted.children.fleet.snapshot).toEqual({ status: 'active', name: 'invoices', version: 1 });
    app.stop();
  });
});

interface PersistedApp {
  readonly children: { readonly fleet: { readonly snapshot: unknown } };
}

function startApp(store: Store, invoices: readonly Invoice[]) {
  return createActor(createAppMachine(store), { input: { batchId: 'batch', invoices } }).start();
}
