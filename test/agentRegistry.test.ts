import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  createAgentRegistry,
  FleetManager,
  getAgentByName,
  memoryStore,
  type Agent,
  type AgentOptions,
  type Store
} from '../src/index.ts';
import { sqliteStore } from '../src/stores/sqlite.ts';
import { gate } from './harness.ts';
import { temporaryPath } from './stores/directory.ts';
import { startOwner } from './stores/sqlite/process.ts';

const handlers = { double: (data: number) => 2 * data };

class ImageFleet extends FleetManager<typeof handlers> {
  readonly kind = 'images';

  constructor(options: AgentOptions) {
    super({ ...options, handlers });
  }
}

class Worker {
  readonly id: string;
  starts = 0;
  stops = 0;

  constructor({ id }: { readonly id: string }) {
    this.id = id;
  }

  async start(): Promise<void> {
    this.starts += 1;
  }

  async stop(): Promise<void> {
    this.stops += 1;
  }
}

const sources = {
  FLEET: ImageFleet,
  OTHER: ImageFleet,
  WORKER: (_: AgentOptions, id: string) => new Worker({ id })
};

function registryOn(store?: Store) {
  return createAgentRegistry(sources, store === undefined ? {} : { store });
}

describe('an agent', () => {
  it('is made and started when it is asked for, in either form, and is of its class', async () => {
    await using registry = registryOn();

    const fleet = await getAgentByName(registry, 'FLEET', 'default');
    const worker = await getAgentByName(registry.WORKER, 'worker-7');

    expectTypeOf(fleet).toEqualTypeOf<ImageFleet>();
    expectTypeOf(worker).toEqualTypeOf<Worker>();
    expect(fleet).toBeInstanceOf(ImageFleet);
    expect(await fleet.submit('double', 21)).toBe(42);
    expect(worker).toMatchObject({ id: 'worker-7', starts: 1 });
    // @ts-expect-error -- there is no such class
    await expect(getAgentByName(registry, 'NONE', 'default')).rejects.toMatchObject({
      code: 'ERR_VALIDATION'
    });
  });

  it('is one for each class and name', async () => {
    await using registry = registryOn();
    const fleet = await getAgentByName(registry, 'FLEET', 'a');

    expect(await getAgentByName(registry.FLEET, 'a')).toBe(fleet);
    expect(await getAgentByName(registry, 'FLEET', 'b')).not.toBe(fleet);
    expect(await getAgentByName(registry, 'OTHER', 'a')).not.toBe(fleet);
  });

  it('shares its start among all who ask at once', async () => {
    let made = 0;
    const started = gate();
    const registry = createAgentRegistry({
      SLOW: () => ({ number: ++made, start: () => started.promise, stop: async () => {} })
    });

    const asked = [1, 2, 3].map(() => getAgentByName(registry, 'SLOW', 'a'));
    started.open();

    expect((await Promise.all(asked)).map(({ number }) => number)).toEqual([1, 1, 1]);
  });

  it('is restored from what the store has', async () => {
    const store = memoryStore();
    const first = registryOn(store);
    const fleet = await getAgentByName(first, 'FLEET', 'default');
    const batchId = await fleet.submitBatch([{ id: 'a', type: 'double', data: 4 }]);
    await fleet.waitForBatch(batchId);
    await first.stop();

    await using second = registryOn(store);
    const restored = await getAgentByName(second, 'FLEET', 'default');

    expect(restored).not.toBe(fleet);
    expect(await restored.getBatchResults(batchId)).toMatchObject([{ result: 8 }]);
  });

  it('that was stopped by its owner is made anew, after it has ended', async () => {
    await using registry = registryOn();
    const fleet = await getAgentByName(registry, 'FLEET', 'default');
    await fleet.submit('double', 1, { id: 'a' });

    const stopped = fleet.stop();
    const next = await getAgentByName(registry, 'FLEET', 'default');
    await stopped;

    expect(next).not.toBe(fleet);
    expect(await next.getTask('a')).toMatchObject({ status: 'completed' });
    await fleet.stop();
    expect(await getAgentByName(registry, 'FLEET', 'default')).toBe(next);
  });

  it('whose start fails leaves nothing behind, and may be asked for again', async () => {
    let attempts = 0;
    const stopped: number[] = [];
    const registry = createAgentRegistry({
      SHY: () => {
        const number = ++attempts;
        if (number === 1) throw new Error('not made');
        return {
          start: () => (number === 2 ? Promise.reject(new Error('not started')) : Promise.resolve()),
          stop: async () => void stopped.push(number)
        };
      }
    });

    await expect(getAgentByName(registry, 'SHY', 'a')).rejects.toThrow('not made');
    expect(await registry.list()).toEqual({ SHY: { live: [], stored: [] } });
    await expect(getAgentByName(registry, 'SHY', 'a')).rejects.toThrow('not started');
    expect(stopped).toEqual([2]);
    await getAgentByName(registry, 'SHY', 'a');
    expect((await registry.list()).SHY.live).toEqual(['a']);
  });

  it('that is owned elsewhere in this process is refused', async () => {
    const store = memoryStore();
    await using _fleet = await getAgentByName(registryOn(store), 'FLEET', 'default');
    const other = registryOn(store);

    await expect(getAgentByName(other, 'FLEET', 'default')).rejects.toMatchObject({ code: 'ERR_LOCKED' });
    expect((await other.list()).FLEET.live).toEqual([]);
  });

  it('that another process owns is refused, and is there once that has ended', async () => {
    const path = temporaryPath();
    const owner = await startOwner(path, 'the night shift');
    const store = sqliteStore(path);
    const registry = registryOn(store);

    await expect(getAgentByName(registry, 'FLEET', 'default')).rejects.toMatchObject({
      code: 'ERR_LOCKED',
      owner: expect.stringContaining('the night shift') as string
    });
    const ended = new Promise((resolve) => owner.once('exit', resolve));
    owner.kill('SIGKILL');
    await ended;

    const fleet = await getAgentByName(registry, 'FLEET', 'default');
    expect(await fleet.submit('double', 3)).toBe(6);
    await registry.stop();
    await store.close();
  });
});

describe.each([
  ['memoryStore', () => memoryStore()],
  ['sqliteStore', () => sqliteStore(temporaryPath())]
])('a registry on %s', (_, makeStore) => {
  it('lists what is live and what is stored, by class', async () => {
    const store = makeStore();
    const registry = registryOn(store);
    expect(await registry.list()).toEqual({
      FLEET: { live: [], stored: [] },
      OTHER: { live: [], stored: [] },
      WORKER: { live: [], stored: [] }
    });
    const names = ['b/c', 'a', 'FLEET/x'];
    for (const name of names) await getAgentByName(registry.FLEET, name);
    await getAgentByName(registry.WORKER, 'w');
    await (await getAgentByName(registry.FLEET, 'a')).stop();

    expect(await registry.list()).toEqual({
      FLEET: { live: ['FLEET/x', 'b/c'], stored: ['FLEET/x', 'a', 'b/c'] },
      OTHER: { live: [], stored: [] },
      WORKER: { live: ['w'], stored: [] }
    });
    expect(await registry.FLEET.list()).toEqual((await registry.list()).FLEET);
    await registry.stop();
    await store.close();
  });

  it('deletes an agent with everything that is stored of it, and leaves the others', async () => {
    const store = makeStore();
    const registry = registryOn(store);
    for (const name of ['gone', 'kept']) {
      const fleet = await getAgentByName(registry.FLEET, name);
      await fleet.submitBatch(
        Array.from({ length: 1_500 }, (_, index) => ({ id: `${index}`, type: 'double', data: index })),
        { batchId: 'b' }
      );
      await fleet.waitForBatch('b');
    }

    const deleted = registry.delete('FLEET/gone');
    // Asked for meanwhile, it is there once the old one is gone.
    const [isDeleted, next] = await Promise.all([deleted, getAgentByName(registry.FLEET, 'gone')]);

    expect(isDeleted).toBe(true);
    await expect(next.getBatchStatus('b')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    expect(await next.submit('double', 2)).toBe(4);
    const kept = await getAgentByName(registry.FLEET, 'kept');
    expect(await kept.getBatchStatus('b')).toMatchObject({ status: 'completed', totalTasks: 1_500 });
    expect(await registry.FLEET.delete('gone')).toBe(true);
    expect(await registry.delete('FLEET', 'gone')).toBe(false);
    expect((await registry.list()).FLEET).toEqual({ live: ['kept'], stored: ['kept'] });
    await registry.stop();
    await store.close();
  });
});

describe('a registry', () => {
  it('stops all its agents, and may be used again', async () => {
    const registry = registryOn();
    const [one, two] = [
      await getAgentByName(registry.WORKER, '1'),
      await getAgentByName(registry.WORKER, '2')
    ];

    await registry.stop();
    await registry.stop();

    expect([one.stops, two.stops]).toEqual([1, 1]);
    expect(await getAgentByName(registry.WORKER, '1')).not.toBe(one);
    await registry.stop();
  });

  it('waits for an agent that is about to start before it stops it', async () => {
    const order: string[] = [];
    const started = gate();
    const registry = createAgentRegistry({
      SLOW: () => ({
        start: async () => {
          await started.promise;
          order.push('started');
        },
        stop: async () => void order.push('stopped')
      })
    });
    const asked = getAgentByName(registry, 'SLOW', 'a');
    const stopped = registry.stop();
    started.open();
    await Promise.all([asked, stopped]);

    expect(order).toEqual(['started', 'stopped']);
  });

  it('stops all others when one fails to, and says why', async () => {
    let stops = 0;
    const registry = createAgentRegistry({
      BAD: () => ({ start: async () => {}, stop: () => Promise.reject(new Error('no end')) }),
      GOOD: () => ({ start: async () => {}, stop: async () => void (stops += 1) })
    });
    await getAgentByName(registry, 'BAD', 'a');
    await getAgentByName(registry, 'GOOD', 'a');

    await expect(registry.stop()).rejects.toThrow('no end');
    expect(stops).toBe(1);
    expect(await registry.list()).toMatchObject({ BAD: { live: [] }, GOOD: { live: [] } });
  });

  it.each<[what: string, stop: () => unknown]>([
    ['gives no promise', () => {}],
    [
      'throws',
      () => {
        throw new Error('no end');
      }
    ]
  ])('tells why a start failed, whose stop %s, and forgets it', async (_, stop) => {
    const start = (): Promise<void> => Promise.reject(new Error('no start'));
    const registry = createAgentRegistry({ BAD: () => ({ start, stop }) as Agent });

    await expect(getAgentByName(registry, 'BAD', 'a')).rejects.toThrow('no start');
    expect(await registry.list()).toMatchObject({ BAD: { live: [] } });
  });

  it.each<[what: string, sources: unknown, options: unknown, argument: string]>([
    ['no sources', null, {}, 'sources'],
    ['a source that is none', { FLEET: 7 }, {}, 'sources.FLEET'],
    ['a class with a slash', { 'A/B': ImageFleet }, {}, 'class'],
    ['a class that is called like a member', { list: ImageFleet }, {}, 'class'],
    // oxlint-disable-next-line unicorn/no-thenable -- that it is refused is what is tested
    ['a class that would make it a promise', { then: ImageFleet }, {}, 'class'],
    ['an option that it has not', { FLEET: ImageFleet }, { stores: null }, 'options.stores']
  ])('refuses %s', (_, given, options, argument) => {
    const create = createAgentRegistry as (sources: unknown, options: unknown) => unknown;
    expect(() => create(given, options)).toThrow(
      expect.objectContaining({ code: 'ERR_VALIDATION', argument })
    );
  });

  it.each<[what: string, args: (registry: ReturnType<typeof registryOn>) => unknown[], argument: string]>([
    ['a place that is no registry', () => [{}, 'FLEET', 'a'], 'registry'],
    ['no place', () => [undefined, 'FLEET', 'a'], 'registry'],
    ['no name', (registry) => [registry, 'FLEET'], 'name'],
    ['a blank name', (registry) => [registry.FLEET, ' '], 'name'],
    ['a name that is too long', (registry) => [registry.FLEET, 'x'.repeat(251)], 'name'],
    ['an inherited class', (registry) => [registry, 'toString', 'a'], 'class']
  ])('refuses %s', async (_, args, argument) => {
    const get = getAgentByName as (...args: unknown[]) => Promise<unknown>;
    await expect(get(...args(registryOn()))).rejects.toMatchObject({ code: 'ERR_VALIDATION', argument });
  });

  it.each([
    ['no agent', () => ({})],
    ['nothing', () => undefined]
  ])('refuses a source that makes %s', async (_, source) => {
    const registry = createAgentRegistry({ NONE: source as never });
    const get = getAgentByName as (...args: unknown[]) => Promise<unknown>;
    await expect(get(registry, 'NONE', 'a')).rejects.toMatchObject({ argument: 'sources.NONE' });
  });

  it('takes a plain function for a source like an arrow', async () => {
    const registry = createAgentRegistry({
      OLD: function old(_: AgentOptions, id: string) {
        return new Worker({ id });
      }
    });
    expect(await getAgentByName(registry, 'OLD', 'w')).toMatchObject({ id: 'w', starts: 1 });
  });
});
