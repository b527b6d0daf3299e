import { expect, test } from 'vitest';
import { runCampaign } from '../../reliability/distributed/campaign.ts';
import { runCycle } from '../../reliability/distributed/cycle.ts';
import { faults, faultsFor } from '../../reliability/distributed/faults.ts';
import { oneMachine, topologies } from '../../reliability/distributed/topologies.ts';
import type { PlantedBug } from '../../reliability/distributed/plans.ts';
import type { Problem } from '../../reliability/distributed/verdict.ts';
import { noFakeTime } from '../servers/fakeTime.ts';
import { needing } from '../missing.ts';

/** Some that differ in kind: the others are part of `npm run chaos:distributed`. */
const tried: readonly (readonly [where: string, fault: string])[] = [
  ['one machine', 'the manager is killed, and the next one while it recovers'],
  ['one machine', 'two tasks kill their process each time'],
  ['workers elsewhere', 'a worker is a zombie, and comes back'],
  ['all elsewhere', 'the manager is a zombie, and comes back']
];

test.concurrent.for(tried)(
  'nothing is lost, done twice or stuck: %s, %s',
  { timeout: 180_000 },
  async ([place, only], { skip, expect }) => {
    const where = topologies.filter(({ name }) => name === place);
    const [cycle] = await runCampaign({ where, cycles: 1, seed: 1, tasks: 20, only, lanes: 1 });
    if (cycle!.skipped !== null) skip(cycle!.skipped);
    expect(cycle).toMatchObject({ fault: only, where: place, tried: 20, problems: [] });
  }
);

test.concurrent(
  'nothing is lost, done twice or stuck when the clock of the next manager is two days off',
  { ...needing(await noFakeTime()), timeout: 180_000 },
  async () => {
    const [cycle] = await runCampaign({
      where: [oneMachine],
      cycles: 1,
      seed: 1,
      tasks: 20,
      only: 'a day behind'
    });
    expect(cycle).toMatchObject({ row: 'clock', tried: 20, problems: [], skipped: null });
  }
);

/** Where each bug has to show. */
const signs: Readonly<Record<PlantedBug, Problem['count']>> = {
  'dropped batch': 'lost',
  'double start': 'duplicated',
  'swallowed outcome': 'stuck'
};

test.concurrent.each(Object.keys(signs) as PlantedBug[])(
  'a planted bug is seen: %s',
  async (planted) => {
    const fault = { row: '', name: 'nothing', needs: [], strike: async () => {} };
    const { problems } = await runCycle({
      topology: oneMachine,
      servers: new Map(),
      fault,
      seed: 1,
      tasks: 10,
      planted,
      patience: 120
    });
    expect(problems.map(({ count }) => count)).toContain(signs[planted]);
  },
  180_000
);

test('a fault is tried only where there is what it strikes, and can be asked for by its row or its name', () => {
  const names = (offers: Parameters<typeof faultsFor>[0], only: string | null): readonly string[] =>
    faultsFor(offers, only).map(({ name }) => name);
  expect(names(oneMachine.offers, 'G8')).toEqual([]);
  expect(names(new Set(['remote workers']), 'G8')).toEqual([
    'all workers connect again at once',
    'sixty workers connect again at once'
  ]);
  expect(names(new Set(['worker processes']), 'a worker is killed')).toEqual(['a worker is killed']);
  expect(new Set(names(oneMachine.offers, null)).size).toBeLessThan(faults.length);
});
