import { script, testFleet } from '../../src/testing.ts';
import type { FleetFact } from '../../src/index.ts';

/** All that a fleet tells of a run with retries, a crash, a schedule and ids of its own, stacks left out. */
export async function seededRun(seed: number): Promise<readonly unknown[]> {
  await using fleet = await testFleet({
    seed,
    handlers: {
      get: script.sequence(script.fail('no'), script.after(70, script.fail('no')), script.succeed('yes'))
    },
    config: { maxConcurrentWorkers: 3 }
  });
  await fleet.manager.schedule('often', { everyMs: 1_000 }, { type: 'get', data: null });
  await fleet.manager.submitBatch(
    Array.from({ length: 20 }, (_, index) => ({ id: String(index), type: 'get' as const, data: index }))
  );
  await fleet.advance(1_500);
  await fleet.crash();
  await fleet.restart({ downMs: 300 });
  await fleet.advance(10_000);
  const results = await fleet.manager.coordinator.getResults({ limit: 100 });
  return [...fleet.events.map(withoutStack), ...results.map(withoutStack)];
}

function withoutStack(told: FleetFact | object): unknown {
  return JSON.parse(JSON.stringify(told, (key, value: unknown) => (key === 'stack' ? undefined : value)));
}
