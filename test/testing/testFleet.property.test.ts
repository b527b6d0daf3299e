import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { script, testFleet, type Script } from 'xstate-fleet/testing';

const outcome: fc.Arbitrary<Script> = fc.oneof(
  fc.integer().map((value) => script.succeed(value)),
  fc.boolean().map((retryable) => script.fail('no', { retryable })),
  // One that ignores its abort too may keep all places for ever: that is `maxStuck`.
  fc.constant(script.hang()),
  fc.integer({ min: 0, max: 120_000 }).map((ms) => script.after(ms, script.succeed(ms)))
);
const work = fc
  .array(outcome, { minLength: 1, maxLength: 4 })
  .map(([first, ...others]) => script.sequence(first!, ...others));
const crash = fc.record({
  at: fc.constantFrom('beforeCommit', 'afterCommit', 'now'),
  turns: fc.integer({ min: 1, max: 6 }),
  afterMs: fc.integer({ min: 0, max: 100_000 })
});

describe('a fleet whose handlers do anything, and whose process crashes anywhere', () => {
  it('ends each task exactly once, and loses none', async () => {
    const property = fc.asyncProperty(
      fc.array(work, { minLength: 1, maxLength: 8 }),
      fc.array(crash, { maxLength: 4 }),
      fc.integer(),
      async (works, crashes, seed) => {
        const scripts = Object.fromEntries(works.map((step, id) => [String(id), step]));
        await using fleet = await testFleet({
          seed,
          handlers: { work: script.byTask(scripts, script.fail('unknown')) },
          config: { maxConcurrentWorkers: 2, workerTimeout: 30_000 }
        });
        await fleet.manager.submitBatch(
          works.map((_, id) => ({ id: String(id), type: 'work' as const, data: id })),
          { batchId: 'b' }
        );
        for (const { at, turns, afterMs } of crashes) {
          await fleet.advance(afterMs);
          const point = at === 'now' ? undefined : { at, turn: fleet.turn + turns };
          // One that has come to rest has no more commits to crash at.
          await fleet.crash(point).catch(() => fleet.crash());
          await fleet.restart();
        }
        await fleet.settle();

        const results = await fleet.manager.getBatchResults('b');
        const { totalTasks, completedTasks, failedTasks } = await fleet.manager.getStats();
        const ended = new Set(results.map(({ key }) => key));
        expect({
          results: results.length,
          ended: ended.size,
          totalTasks,
          settled: completedTasks + failedTasks
        }).toEqual({
          results: works.length,
          ended: works.length,
          totalTasks: works.length,
          settled: works.length
        });
      }
    );
    await fc.assert(property, { numRuns: 60, seed: 1 });
  });
});
