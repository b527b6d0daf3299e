import { describe, expect, it } from 'vitest';
import { FleetManager, inProcess, type FleetFact, type Handlers } from '../../src/index.ts';
import { faultyStore, gate, settled, startFleet } from '../harness.ts';

describe('registerHandler', () => {
  it('makes a type runnable before the start', async () => {
    const fleet = new FleetManager({});
    fleet.registerHandler('double', (data: number) => data * 2);
    await fleet.start();
    expect(await fleet.submit('double', 21)).toBe(42);
    await fleet.stop();
  });

  it('makes a type runnable while the fleet runs, and keeps it over a stop', async () => {
    const { fleet } = await startFleet<Handlers>({ handlers: {} });
    await expect(fleet.submit('double', 21)).rejects.toThrow(
      'it must be one of the types that have a handler: none is registered'
    );
    fleet.registerHandler('double', (data: number) => data * 2);
    expect(await fleet.submit('double', 21)).toBe(42);
    const batchId = await fleet.submitBatch([{ id: 'a', type: 'double', data: 1 }]);
    expect(await fleet.waitForBatch(batchId)).toMatchObject({ status: 'completed' });

    await fleet.stop();
    await fleet.start();
    expect(await fleet.submit('double', 4)).toBe(8);
  });

  it('refuses a type that has a handler, and leaves that one', async () => {
    const { fleet } = await startFleet<Handlers>({ handlers: { name: () => 'old' } });
    expect(() => fleet.registerHandler('name', () => 'new')).toThrow(
      expect.objectContaining({ code: 'ERR_CONFLICT', kind: 'handler', id: 'name' })
    );
    expect(await fleet.submit('name', null)).toBe('old');
  });

  it('replaces a handler for the attempts that start later, on demand', async () => {
    const old = gate<string>();
    const { fleet } = await startFleet<Handlers>({ handlers: { name: () => old.promise } });
    const first = fleet.submit('name', null);
    await settled();
    fleet.registerHandler('name', () => 'new', { replace: true });
    expect(await fleet.submit('name', null)).toBe('new');
    old.open('old');
    expect(await first).toBe('old');
  });

  it.each<[string, unknown[], string]>([
    ['an empty type', ['', () => 1], 'type'],
    ['a type that is no string', [7, () => 1], 'type'],
    ['no function', ['name', 'name'], 'handler'],
    ['an unknown option', ['name', () => 1, { replaces: true }], 'options.replaces'],
    ['an option that is no boolean', ['name', () => 1, { replace: 1 }], 'replace']
  ])('refuses %s', async (_, args, argument) => {
    const { fleet } = await startFleet<Handlers>({ handlers: {} });
    expect(() => fleet.registerHandler(...(args as Parameters<typeof fleet.registerHandler>))).toThrow(
      expect.objectContaining({ code: 'ERR_VALIDATION', argument })
    );
  });

  it('is refused by a fleet whose executor has fixed types', () => {
    const fleet = new FleetManager<Handlers>({ executor: inProcess({ name: () => 'fixed' }) });
    expect(() => fleet.registerHandler('other', () => 1)).toThrow(
      expect.objectContaining({ code: 'ERR_CONFLICT', kind: 'fleet' })
    );
  });
});

describe('handler', () => {
  it('takes the function second and gives it back', async () => {
    const { fleet } = await startFleet<Handlers>({ handlers: {} });
    const double = (data: number): number => data * 2;
    expect(fleet.handler('double')(double)).toBe(double);
    expect(await fleet.submit('double', 21)).toBe(42);
  });
});

describe('a recovered task without a handler', () => {
  it('waits, is told of once, and runs when its handler is registered', async () => {
    const { fleet, facts } = await leftover();
    expect(await fleet.getBatchStatus('left')).toMatchObject({ queuedTasks: 2, runningTasks: 0 });
    expect(facts).toEqual([{ type: 'handler.missing', taskType: 'work' }]);

    fleet.registerHandler('work', (data: number) => data + 1);
    expect(await fleet.waitForBatch('left')).toMatchObject({ status: 'completed' });
    expect(await fleet.getBatchResults('left')).toMatchObject([
      { result: 2, attempts: 2 },
      { result: 3, attempts: 1 }
    ]);
  });

  it('holds up no task of another type', async () => {
    const { fleet } = await leftover();
    fleet.registerHandler('other', () => 'done');
    expect(await fleet.submit('other', null)).toBe('done');
    expect(await fleet.getBatchStatus('left')).toMatchObject({ queuedTasks: 2 });
  });

  it('can be cancelled, and does not run after that', async () => {
    const { fleet } = await leftover();
    expect(await fleet.cancelBatch('left')).toBe(true);
    expect(await fleet.waitForBatch('left')).toMatchObject({ status: 'cancelled', cancelledTasks: 2 });
    let calls = 0;
    fleet.registerHandler('work', () => (calls += 1));
    await settled();
    expect(calls).toBe(0);
  });

  it('waits on when a turn is refused', async () => {
    const faulty = faultyStore();
    const { fleet, clock, facts } = await leftover(faulty.store);
    faulty.next(() => Promise.reject(Object.assign(new Error('full'), { code: 'ERR_STORE_FULL' })));
    const updated = fleet.updateConfig({ maxRetries: 1 });
    await settled();
    await clock.advance(1_000);
    await updated;
    await settled();
    expect(await fleet.getBatchStatus('left')).toMatchObject({ queuedTasks: 2 });
    fleet.registerHandler('work', () => 1);
    expect(await fleet.waitForBatch('left')).toMatchObject({ status: 'completed' });
    expect(facts.every(({ type }) => type === 'handler.missing')).toBe(true);
  });

  it('runs when its handler is registered while the commit of a turn is under way', async () => {
    const faulty = faultyStore();
    const { fleet } = await leftover(faulty.store);
    const commit = gate();
    faulty.next(async (write) => {
      await commit.promise;
      await write();
    });
    const config = fleet.updateConfig({ maxRetries: 1 });
    await settled();
    fleet.registerHandler('work', () => 1);
    commit.open();
    await config;
    expect(await fleet.waitForBatch('left')).toMatchObject({ status: 'completed' });
  });
});

/** A fleet without handlers, after one that died while it ran the first of two tasks. */
async function leftover(store?: ReturnType<typeof faultyStore>['store']) {
  const first = await startFleet<Handlers>({
    handlers: { work: () => new Promise(() => {}) },
    config: { maxConcurrentWorkers: 1 },
    ...(store && { store })
  });
  await first.fleet.submitBatch(
    [1, 2].map((data) => ({ id: `${data}`, type: 'work', data })),
    { batchId: 'left' }
  );
  await settled();
  await first.crash();
  const fleet = new FleetManager<Handlers>({ name: 'test', store: first.store, clock: first.clock });
  const facts: FleetFact[] = [];
  fleet.on('handler.missing', (fact) => facts.push(fact));
  await fleet.start();
  await settled();
  return { fleet, facts, clock: first.clock };
}
