import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FleetError, memoryStore, type HandlerContext } from '../../src/index.ts';
import { SimulatedClock, startFleet } from '../harness.ts';
import { ageingMs, baseMs, FleetModel, maxMs, type ModelTaskInput } from './fleetModel.ts';

const config = { maxConcurrentWorkers: 2, maxRetries: 1, maxRecoveries: 1_000, ageingMs };

type Real = Awaited<ReturnType<typeof startReal>>;
type Command = fc.AsyncCommand<FleetModel, Real>;

describe('a fleet', () => {
  it('says and does what a plain model of it does, whatever it is asked', async () => {
    await fc.assert(
      fc.asyncProperty(fc.commands(commands, { maxCommands: 60, size: 'max' }), async (asked) => {
        const real = await startReal();
        const model = new FleetModel(real.clock.now(), config.maxConcurrentWorkers, config.maxRetries);
        await fc.asyncModelRun(() => ({ model, real }), asked);
      }),
      { numRuns: 60 }
    );
  });
});

/** A fleet whose handlers end when they are told to. */
async function startReal() {
  const clock = new SimulatedClock();
  const held = new Map<string, { succeed: (value: unknown) => void; fail: (error: Error) => void }>();
  const work = (_: unknown, { key, signal }: HandlerContext): Promise<unknown> =>
    new Promise((succeed, fail) => {
      held.set(key, { succeed, fail });
      signal.addEventListener('abort', () => fail(new Error('obeyed')));
    });
  let running = await startFleet({
    handlers: { work },
    store: memoryStore(),
    clock,
    config,
    retry: { baseMs, factor: 2, maxMs, jitter: 'none' }
  });
  return {
    clock,
    held,
    names: 0,
    get fleet() {
      return running.fleet;
    },
    async crash(): Promise<void> {
      await running.crash();
      held.clear();
      running = await running.restart();
    }
  };
}

const task: fc.Arbitrary<ModelTaskInput> = fc.record({
  priority: fc.constantFrom(0, 5, 10),
  delayMs: fc.constantFrom(0, 0, 0, 50, 500)
});
const index = fc.nat(20);

const commands: fc.Arbitrary<Command>[] = [
  fc.tuple(fc.array(task, { maxLength: 5 }), fc.constantFrom('array', 'stream')).map(([inputs, as]) =>
    command(`submit ${as} ${JSON.stringify(inputs)}`, async (model, real) => {
      const batchId = `batch-${++real.names}`;
      const tasks = inputs.map((input, at) => ({
        id: String(at),
        type: 'work' as const,
        data: at,
        ...input
      }));
      await real.fleet.submitBatch(as === 'array' ? tasks : streamOf(tasks), { batchId });
      model.submitBatch(batchId, inputs);
    })
  ),
  task.map((input) =>
    command(`submit single ${JSON.stringify(input)}`, async (model, real) => {
      const id = `task-${++real.names}`;
      await real.fleet.submitAsync('work', null, { id, ...input });
      model.submitTask(id, input);
    })
  ),
  fc.tuple(index, fc.boolean()).map(([at, success]) =>
    command(`let handler ${at} ${success ? 'succeed' : 'fail'}`, async (model, { held }) => {
      const key = pick(model.running, at)?.key;
      if (key === undefined) return;
      const { succeed, fail } = held.get(key)!;
      if (success) succeed(key);
      else fail(new Error('no luck'));
      model.endAttempt(key, success);
    })
  ),
  index.map((at) =>
    command(`cancel task ${at}`, async (model, { fleet }) => {
      const key = pick(model.tasks, at)?.key ?? 'none';
      expectSame(await fleet.cancelTask(key), model.cancelTask(key));
    })
  ),
  index.map((at) =>
    command(`cancel batch ${at}`, async (model, { fleet }) => {
      const id = pick(model.batches, at)?.id ?? 'none';
      expectSame(await fleet.cancelBatch(id), model.cancelBatch(id));
    })
  ),
  index.map((at) =>
    command(`pause batch ${at}`, async (model, { fleet }) => {
      const id = pick(model.batches, at)?.id;
      if (id === undefined) return;
      expectSame(await codeOf(fleet.pauseBatch(id)), model.pauseBatch(id) ? 'ok' : 'ERR_CONFLICT');
    })
  ),
  index.map((at) =>
    command(`resume batch ${at}`, async (model, { fleet }) => {
      const id = pick(model.batches, at)?.id;
      if (id === undefined) return;
      await fleet.resumeBatch(id);
      model.resumeBatch(id);
    })
  ),
  index.map((at) =>
    command(`remove batch ${at}`, async (model, { fleet }) => {
      const id = pick(model.batches, at)?.id;
      if (id === undefined) return;
      expectSame(await codeOf(fleet.removeBatch(id)), model.removeBatch(id) ? 'ok' : 'ERR_CONFLICT');
    })
  ),
  fc.boolean().map((isPaused) =>
    command(isPaused ? 'pause' : 'resume', async (model, { fleet }) => {
      await (isPaused ? fleet.pause() : fleet.resume());
      model.setPaused(isPaused);
    })
  ),
  fc.integer({ min: 1, max: 4 }).map((count) =>
    command(`scale to ${count}`, async (model, { fleet }) => {
      await fleet.scaleWorkers(count);
      model.scale(count);
    })
  ),
  fc.integer({ min: 0, max: 3 }).map((maxRetries) =>
    command(`retry ${maxRetries} times`, async (model, { fleet }) => {
      await fleet.updateConfig({ maxRetries });
      model.maxRetries = maxRetries;
    })
  ),
  fc.constantFrom(1, 49, 100, 1_000).map((ms) =>
    command(`advance ${ms} ms`, async (model, { clock }) => {
      await clock.advance(ms);
      model.advance(ms);
    })
  ),
  fc.constant(
    command('crash and restart', async (model, real) => {
      await real.crash();
      model.crash();
    })
  )
];

/** Does it to both, lets the fleet come to rest, and compares all that the two say. */
function command(name: string, run: (model: FleetModel, real: Real) => Promise<void>): Command {
  return {
    check: () => true,
    toString: () => name,
    async run(model, real) {
      await run(model, real);
      await real.clock.advance(0);
      await compare(model, real);
    }
  };
}

/** The fleet answered what the model answers. */
function expectSame<T>(answer: T, expected: T): void {
  expect(answer).toBe(expected);
}

async function compare(model: FleetModel, { fleet, held }: Real): Promise<void> {
  const batches = await fleet.listBatches();
  expect(batches.map(({ id, status }) => [id, status])).toEqual(
    model.batches.map(({ id }) => [id, model.batchStatus(id)])
  );
  const tasks = await fleet.listTasks({ limit: 1_000 });
  expect(tasks.map(({ key, status, attempts }) => [key, status, attempts])).toEqual(
    model.tasks.map(({ key, status, attempts }) => [key, status, attempts])
  );
  for (const { id } of model.batches) {
    const results = await fleet.getBatchResults(id);
    expect(results.map(({ key }) => key)).toEqual(model.settled.filter((key) => key.startsWith(`${id}/`)));
  }
  for (const { key } of model.running) expect(held.has(key)).toBe(true);
  expect(await fleet.getStats()).toMatchObject({
    totalTasks: model.count(),
    completedTasks: model.count('completed'),
    failedTasks: model.count('failed'),
    cancelledTasks: model.count('cancelled'),
    queuedTasks: model.count('queued', 'scheduled'),
    backingOffTasks: model.count('backingOff'),
    runningTasks: model.count('running')
  });
  const settled = model.count('completed', 'failed', 'cancelled');
  expect(await fleet.coordinator.getSummary()).toMatchObject({
    totalResults: settled,
    successCount: model.count('completed')
  });
}

/** `ok`, or the code of what the call was refused with. */
async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'ok';
  } catch (error) {
    if (error instanceof FleetError) return error.code;
    throw error;
  }
}

function pick<T>(items: readonly T[], at: number): T | undefined {
  return items[at % items.length];
}

async function* streamOf<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
