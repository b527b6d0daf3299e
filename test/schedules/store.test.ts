import { describe, expect, it } from 'vitest';
import { CorruptStoreError, memoryStore, type FleetFact, type Store } from '../../src/index.ts';
import { checkStore, sqliteStore } from '../../src/stores/sqlite.ts';
import { SimulatedClock, startFleet } from '../harness.ts';
import { temporaryPath } from '../stores/directory.ts';

const hour = 3_600_000;
const work = { type: 'work', data: null } as const;

describe('schedules in a SQLite store', () => {
  it('go on in the next process, with what they submit', async () => {
    const path = temporaryPath();
    const clock = new SimulatedClock();
    const seen: string[] = [];
    const handlers = {
      work: (data: string, { key }: { readonly key: string }) => void seen.push(`${key} ${data.length}`)
    };
    const data = 'x'.repeat(1_000_000);
    const first = await startFleet({ handlers, clock, store: sqliteStore(path) });
    await first.fleet.schedule('long', { cron: '@hourly' }, { type: 'work', data });
    await first.fleet.schedule('gone', { cron: '@hourly' }, { type: 'work', data });
    await first.fleet.unschedule('gone');
    await stop(first);
    expect(await checkStore(path)).toMatchObject({ isSound: true, fleets: [{ schedules: 1 }] });

    const second = await startFleet({ handlers, clock, store: sqliteStore(path) });
    const fired = nextFact(second.fleet, 'task.settled');
    await clock.advance(hour);
    await fired;

    expect(seen).toEqual(['long@2026-01-01T01:00:00.000Z 1000000']);
    expect(await second.fleet.getSchedule('long')).toMatchObject({ runs: 1, skipped: 0 });
    await stop(second);
    expect(await checkStore(path)).toMatchObject({ isSound: true });
  });
});

describe('a template that cannot be read', () => {
  it('costs its own schedule its times, and no other one', async () => {
    const memory = memoryStore();
    const store: Store = {
      ...memory,
      readTemplates: (scope, ids) =>
        ids.includes('damaged')
          ? Promise.reject(new CorruptStoreError('fleet.db', 'a template is not as it was written'))
          : memory.readTemplates(scope, ids)
    };
    const { fleet, clock } = await startFleet({ handlers: { work: () => null }, store });
    const facts: FleetFact[] = [];
    fleet.on('schedule.skipped', (fact) => facts.push(fact));
    for (const id of ['a', 'damaged', 'z']) await fleet.schedule(id, { everyMs: hour }, work);

    await clock.advance(2 * hour);

    const runs = await fleet.listSchedules();
    expect(runs.map(({ id, runs, skipped }) => [id, runs, skipped])).toEqual([
      ['a', 2, 0],
      ['damaged', 0, 2],
      ['z', 2, 0]
    ]);
    expect(facts).toMatchObject([{ reason: 'refused' }, { reason: 'refused' }]);
  });

  it('is waited for while the store is only unavailable', async () => {
    let failures = 2;
    const memory = memoryStore();
    const store: Store = {
      ...memory,
      readTemplates: (scope, ids) =>
        failures-- > 0 ? Promise.reject(new Error('not now')) : memory.readTemplates(scope, ids)
    };
    const { fleet, clock } = await startFleet({ handlers: { work: () => null }, store });
    await fleet.schedule('a', { everyMs: hour }, work);

    await clock.advance(hour + 10_000);

    expect(await fleet.getSchedule('a')).toMatchObject({ runs: 1, skipped: 0 });
  });
});

async function stop({
  fleet,
  store
}: {
  readonly fleet: { stop(): Promise<void> };
  readonly store: Store;
}): Promise<void> {
  await fleet.stop();
  await store.close();
}

function nextFact(
  fleet: { on(type: '*', listener: (fact: FleetFact) => void): Disposable },
  type: FleetFact['type']
): Promise<FleetFact> {
  return new Promise((resolve) => {
    const subscription = fleet.on('*', (fact) => {
      if (fact.type !== type) return;
      subscription[Symbol.dispose]();
      resolve(fact);
    });
  });
}
