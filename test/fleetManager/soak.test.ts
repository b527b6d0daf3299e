import { describe, expect, it } from 'vitest';
import { commands, firstConfig, openConfig } from './soak/soakCommands.ts';
import { SoakWorld } from './soak/soakWorld.ts';

/** `SOAK=<first seed>-<last seed>` runs others than those of the suite, `SOAK_STEPS` longer ones. */
const [first = 1, last = 40] = (process.env.SOAK ?? '').split('-').filter(Boolean).map(Number);
const steps = Number(process.env.SOAK_STEPS ?? 60);
const seeds = Array.from({ length: last - first + 1 }, (_, index) => first + index);

describe('a fleet of which everything is asked at once', () => {
  it.each(seeds)('derives what its rows say, and settles all that can be, with seed %i', async (seed) => {
    const world = new SoakWorld(seed);
    await soak(world);
    expect({ problems: world.problems, after: historyOf(world) }).toEqual({ problems: [], after: [] });
    expect(world.recordedSteps).toBeGreaterThan(0);
  });
});

/** What was done, where it is worth reading. */
function historyOf({ problems, log }: SoakWorld): readonly string[] {
  return problems.length > 0 ? log : [];
}

async function soak(world: SoakWorld): Promise<void> {
  world.concurrency.set('narrow', firstConfig.typeLimits.narrow.concurrency);
  await world.begin(firstConfig);
  for (let step = 1; step <= steps && world.problems.length === 0; step++) {
    const run = draw(world);
    world.log.push(`${step} at ${world.clock.now() % 10_000_000}: ${run.name}`);
    await run(world);
    if (world.random.chance(0.5)) await world.look();
  }
  if (world.problems.length === 0) await drain(world);
}

/** Ends what hangs, opens what is closed, and waits: nothing may be left. */
async function drain(world: SoakWorld): Promise<void> {
  const { clock, fleet } = world;
  world.calm();
  await clock.advance(60_000);
  if (!world.hasLate) fleet.registerHandler('late', world.handler('late'));
  const opened = (async () => {
    await fleet.updateConfig(openConfig);
    for (const { id } of await fleet.listSchedules()) await fleet.unschedule(id);
    await fleet.resume();
    for (const { id } of await fleet.listBatches({ status: 'paused' })) await fleet.resumeBatch(id);
    // Their submission was interrupted, and nobody continues it.
    for (const { id } of await fleet.listBatches({ status: 'accepting' })) await fleet.cancelBatch(id);
  })();
  world.call('open', opened);
  await clock.advance(600_000);
  for (const { id } of await fleet.listBatches({ status: 'paused' }))
    world.call('resume', fleet.resumeBatch(id));
  await clock.advance(600_000);
  await world.look();
  world.problems.push(...world.unsettled());
  for (const name of world.pending.values()) world.problems.push(`${name} is not answered`);
  const { runningTasks, activeWorkers } = await fleet.getStats();
  if (runningTasks + activeWorkers > 0) world.problems.push(`${activeWorkers} workers are busy with nothing`);
  await world.stop(true);
  await world.checkRecordings();
  if (clock.pending > 0) world.problems.push(`${clock.pending} alarms are set after the stop`);
}

function draw({ random }: SoakWorld) {
  const total = commands.reduce((sum, [weight]) => sum + weight, 0);
  let left = random.integer(1, total);
  for (const [weight, run] of commands) {
    left -= weight;
    if (left <= 0) return run;
  }
  throw new Error('unreachable');
}
