import { describe, expect, it } from 'vitest';
import { defineHost, hostFleets, type FleetPlace, type HostConfig } from '../../src/host.ts';
import { FleetManager, memoryStore, ValidationError } from '../../src/index.ts';
import { createTelemetry } from '../../src/telemetry.ts';
import { settled, SimulatedClock } from '../harness.ts';
import { leasedPlace } from '../leasedStores.ts';
import { Hosts, idleFleet, idleFleets } from './hosts.ts';

const store = leasedPlace(new SimulatedClock()).storeOf(new SimulatedClock());

describe('hostFleets', () => {
  it.each<[argument: string, config: unknown]>([
    ['config.fleets', { store, fleets: {} }],
    ['config.fleets', { store }],
    ['config.group', { store, fleets: { a: {} }, group: '' }],
    ['config.fleets["a"].name', { store, fleets: { a: { name: 'b' } } }],
    ['config.fleets["a"].standby', { store, fleets: { a: { standby: true } } }],
    ['config.fleets["a"].handlers', { store, fleets: { a: { handlers: 5 } } }],
    ['config.fleets["a"]', { store, fleets: { a: 5 } }],
    ['the name of config.fleets["hosts/1"]', { store, fleets: { 'hosts/1': {} } }],
    ['config.store', { store: 5, fleets: { a: {} } }],
    ['config.store', { store: memoryStore(), fleets: { a: {} } }],
    ['config.stores', { store, stores: 5, fleets: { a: {} } }]
  ])('refuses a config whose %s is not allowed: %j', async (argument, config) => {
    await expect(hostFleets(config as HostConfig)).rejects.toMatchObject({
      code: 'ERR_VALIDATION',
      argument
    });
  });

  it.each([{ lookMs: 9 }, { drainMs: -1 }, { base: '/' }, { onFact: 1 }, { clock: {} }, { telemetry: 1 }])(
    'refuses the options %j',
    async (options) => {
      const hosting = hostFleets({ store, fleets: { a: {} } }, options as never);
      await expect(hosting).rejects.toThrow(ValidationError);
    }
  );

  it('says why a SQLite file is refused, and what to do', async () => {
    const config = defineHost({ store: 'never-made.db', fleets: { a: {} } });
    await expect(hostFleets(config)).rejects.toThrow(/one process owns all of any other store.*standby/);
  });

  it('runs fleets of options and those that a function makes, which take tasks', async () => {
    const hosts = new Hosts();
    const made: FleetManager[] = [];
    class Mail extends FleetManager {
      constructor(place: FleetPlace) {
        super({ ...place, handlers: { send: () => Promise.resolve('sent') } });
        made.push(this);
      }
    }
    const { host } = await hosts.join({
      mail: (place) => new Mail(place),
      images: { handlers: { resize: () => Promise.resolve('done') } }
    });
    await hosts.advance(5_000);
    expect(await made[0]!.submit('send', null)).toBe('sent');
    expect((await host.status()).fleets.map(({ name, state, problem }) => [name, state, problem])).toEqual([
      ['images', 'running', null],
      ['mail', 'running', null]
    ]);
    await hosts.stopAll();
    expect(made[0]!.state).toBe('stopped');
  });

  it('tells who owns what, and who lives', async () => {
    const hosts = new Hosts();
    const first = await hosts.join(idleFleets(2));
    await hosts.join(idleFleets(2));
    await hosts.advance(5_000);
    const status = await first.host.status();
    expect(status).toMatchObject({
      seat: 1,
      hosts: [
        { group: 'default', seat: 1 },
        { group: 'default', seat: 2 }
      ],
      fleets: [
        { name: 'f0', owner: 'fleet f0', state: 'running', problem: null },
        { name: 'f1', owner: 'fleet f1', state: 'standby', problem: null }
      ]
    });
    await hosts.stopAll();
  });

  it('tries a fleet again that did not start, later each time, while the others run', async () => {
    const hosts = new Hosts();
    let tries = 0;
    const host = await hosts.join({
      good: idleFleet,
      bad: (place) => {
        tries += 1;
        if (tries < 4) throw new Error(`no key, try ${tries}`);
        return idleFleet(place);
      }
    });
    await hosts.advance(4_000);
    expect(host.running()).toEqual(['good']);
    expect((await host.host.status()).fleets[0]).toMatchObject({
      name: 'bad',
      owner: null,
      problem: expect.stringContaining('no key') as string
    });
    await hosts.advance(30_000);
    expect(host.running()).toEqual(['bad', 'good']);
    expect(tries).toBe(4);
    expect((await host.host.status()).fleets[0]).toMatchObject({ state: 'running', problem: null });
    await hosts.stopAll();
  });

  it('is ready when a fleet was handed over that it ran, as it has nothing of it any more', async () => {
    const hosts = new Hosts();
    const fleets = { a: { handlers: {} }, b: { handlers: {} } };
    const telemetry = createTelemetry();
    const first = await hosts.join(fleets, { telemetry });
    const ready = async (): Promise<unknown> => {
      const response = await telemetry.handler(new Request('http://localhost/readyz'));
      const { fleets: told } = (await response.json()) as { fleets: { fleet: string }[] };
      return [response.status, ...told.map(({ fleet }) => fleet)];
    };
    await hosts.advance(5_000);
    expect([first.running().sort(), await ready()]).toEqual([
      ['a', 'b'],
      [200, 'a', 'b']
    ]);
    await hosts.join(fleets);
    await hosts.advance(20_000);
    const [left] = first.running();
    expect(first.running()).toHaveLength(1);
    expect(await ready()).toEqual([200, left]);
    await hosts.stopAll();
  });

  it('goes on running what it runs while the store cannot be looked at, and says so once', async () => {
    const hosts = new Hosts();
    const own = hosts.place.storeOf(hosts.clock);
    let isDown = false;
    const facts: string[] = [];
    const host = await hostFleets(
      {
        store: {
          ...own,
          listScopes: () => (isDown ? Promise.reject(new Error('no route')) : own.listScopes())
        },
        fleets: idleFleets(1)
      },
      { clock: hosts.clock, onFact: (fact) => facts.push(fact.type) }
    );
    await hosts.advance(5_000);
    isDown = true;
    await hosts.advance(5_000);
    expect(facts.filter((type) => type === 'store.failed')).toHaveLength(1);
    expect(await own.readOwner('f0')).toBe('fleet f0');
    isDown = false;
    await hosts.advance(5_000);
    isDown = true;
    await hosts.advance(5_000);
    expect(facts.filter((type) => type === 'store.failed')).toHaveLength(2);
    isDown = false;
    await host.stop();
  });

  it('gives up all leases, its own too, when it is stopped, and can be stopped twice', async () => {
    const hosts = new Hosts();
    const { host, stop } = await hosts.join(idleFleets(3));
    await hosts.advance(5_000);
    await Promise.all([stop(), host.stop({ graceful: false })]);
    const reader = hosts.place.storeOf(hosts.clock);
    const owners = await Promise.all(
      ['f0', 'f1', 'f2', 'hosts/default/1'].map((name) => reader.readOwner(name))
    );
    expect(owners).toEqual([null, null, null, null]);
  });

  it('that is stopped before it has a seat leaves none behind', async () => {
    const hosts = new Hosts();
    const own = hosts.place.storeOf(hosts.clock);
    const host = await hostFleets({ store: own, fleets: idleFleets(1) }, { clock: hosts.clock });
    await host.stop();
    await settled();
    expect(await own.readOwner('hosts/default/1')).toBe(null);
  });
});
