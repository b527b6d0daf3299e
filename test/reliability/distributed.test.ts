import { expect, test } from 'vitest';
import { runCampaign } from '../../reliability/distributed/campaign.ts';
import { runCycle } from '../../reliability/distributed/cycle.ts';
import { faults, faultsFor } from '../../reliability/distributed/faults.ts';
import { oneMachine } from '../../reliability/distributed/topologies.ts';
import type { PlantedBug } from '../../reliability/distributed/plans.ts';
import type { Problem } from '../../reliability/distributed/verdict.ts';
import { noFakeTime } from '../servers/fakeTime.ts';
import { needing } from '../missing.ts';

/** One of each that differs in kind: the others are part of `npm run chaos:distributed`. */
const tried = [
  'the manager is killed, and the next one while it recovers',
  'all workers are zombies, and come back',
  'the front is clogged, in one way after the other',
  'two tasks kill their process each time'
];

test.concurrent.each(tried)(
  'nothing is lost, done twice or stuck when %s',
  async (only) => {
    const [cycle] = await runCampaign({ cycles: 1, seed: 1, tasks: 20, only });
    expect(cycle).toMatchObject({ fault: only, tried: 20, problems: [], skipped: null });
  },
  180_000
);

test.concurrent(
  'nothing is lost, done twice or stuck when the clock of the next manager is two days off',
  { ...needing(await noFakeTime()), timeout: 180_000 },
  async () => {
    const [cycle] = await runCampaign({ cycles: 1, seed: 1, tasks: 20, only: 'a day behind' });
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
  expect(names(new Set(['remote workers']), 'G8')).toEqual(['all workers connect again at once']);
  expect(names(new Set(), 'worker is killed')).toEqual(['a worker is killed']);
  expect(new Set(names(oneMachine.offers, null)).size).toBeLessThan(faults.length);
});
