import { describe, expect, it } from 'vitest';
import {
  FencedError,
  FleetManager,
  memoryStore,
  TaskQueue,
  ValidationError,
  WorkerAgent,
  type Commit,
  type Store,
  type TaskResult
} from '../../src/index.ts';
import { countingIds, gate, settled, SimulatedClock, startFleet } from '../harness.ts';

/** Each title names a defect of the fleet and the coordinator of common-agents, which we must not have. */
describe('defects of common-agents', () => {
  it('C1: an ephemeral worker returns its result before it is destroyed', async () => {
    const { fleet } = await startEphemeral();
    const batchId = await fleet.submitBatch(numbered(5));
    await settled();

    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'completed', completedTasks: 5 });
    expect((await fleet.getBatchResults(batchId)).map(({ result }) => result)).toEqual([0, 2, 4, 6, 8]);
  });

  it('C2: an ephemeral worker is destroyed after its task, once', async () => {
    const { fleet, instances, cleaned } = await startEphemeral();
    await fleet.submitBatch(numbered(5));
    await settled();

    const used = instances.filter(({ info }) => info.totalCompleted === 1).map(({ info }) => info.id);
    expect(used).toHaveLength(5);
    expect(cleaned.toSorted()).toEqual(used.toSorted());
    const alive = (await fleet.getWorkers()).map(({ id }) => id);
    expect(alive.filter((id) => used.includes(id))).toEqual([]);
  });

  it('C3: retries are run, and the batch settles', async () => {
    const { fleet, clock } = await startFleet({
      handlers: {
        flaky: (_: number, { attempt }) => {
          if (attempt < 3) throw new Error('not yet');
          return attempt;
        },
        broken: () => ({ success: false, error: 'never' })
      },
      config: { maxRetries: 2 }
    });
    const batchId = await fleet.submitBatch([
      { id: 'a', type: 'flaky', data: 1 },
      { id: 'b', type: 'broken', data: null }
    ]);
    await clock.advance(60_000);

    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'partial', retryingTasks: 0 });
    expect(await fleet.getBatchResults(batchId)).toMatchObject([
      { taskId: 'a', success: true, attempts: 3 },
      { taskId: 'b', success: false, attempts: 3, error: 'never' }
    ]);
  });

  it('C4: submitting does not wait for the end, so that a batch can be looked at and cancelled', async () => {
    const hold = gate<string>();
    const { fleet } = await startFleet({ handlers: { work: () => hold.promise } });
    const batchId = await fleet.submitBatch(works(3));
    await settled();

    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'processing', runningTasks: 3 });
    expect(await fleet.cancelBatch(batchId)).toBe(true);
  });

  it('C5: cancelling stops what runs and what waits, and ends in cancelled', async () => {
    const started: string[] = [];
    const { fleet } = await startFleet({
      handlers: {
        work: (_: null, { key, signal }) => {
          started.push(key);
          return new Promise((_resolve, reject) =>
            signal.addEventListener('abort', () => reject(signal.reason as Error))
          );
        }
      },
      config: { maxConcurrentWorkers: 2 }
    });
    const batchId = await fleet.submitBatch(works(5), { batchId: 'b' });
    await settled();
    await fleet.cancelBatch(batchId);
    await settled();

    expect(started).toEqual(['b/0', 'b/1']);
    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'cancelled', cancelledTasks: 5 });
  });

  it('C6: workerTimeout ends an attempt', async () => {
    const { fleet, clock } = await startFleet({
      handlers: { work: () => new Promise(() => {}) },
      config: { workerTimeout: 1_000, maxRetries: 0 }
    });
    const batchId = await fleet.submitBatch(works(1));
    await clock.advance(1_000);

    const [result] = await fleet.getBatchResults(batchId);
    expect(result).toMatchObject({ status: 'timedOut', error: expect.stringContaining('1000 ms') as string });
  });

  it('C7: one limit holds for all batches, and scaling changes what runs already', async () => {
    const hold = gate();
    let running = 0;
    let most = 0;
    const { fleet } = await startFleet({
      handlers: {
        work: async () => {
          most = Math.max(most, ++running);
          await hold.promise;
          running -= 1;
        }
      },
      config: { maxConcurrentWorkers: 2 }
    });
    await fleet.submitBatch(works(10));
    await fleet.submitBatch(works(10));
    await settled();
    expect(most).toBe(2);

    await fleet.scaleWorkers(5);
    await settled();
    expect(most).toBe(5);
    hold.open();
  });

  it('C8: a limit of no workers is refused, wherever it is given', async () => {
    const config = { maxConcurrentWorkers: 0 };
    expect(() => new FleetManager({ handlers: {}, config })).toThrow(ValidationError);
    const { fleet } = await startFleet({ handlers: { work: () => null } });
    await expect(fleet.scaleWorkers(0)).rejects.toThrow(ValidationError);
    await expect(fleet.updateConfig(config)).rejects.toThrow(ValidationError);
  });

  it('C9: what was submitted goes on after the process died', async () => {
    const { fleet, crash, restart } = await startFleet({
      handlers: { work: (): unknown => new Promise(() => {}) },
      config: { maxConcurrentWorkers: 2 }
    });
    const batchId = await fleet.submitBatch(works(5));
    await settled();
    await crash();

    const next = await restart({ handlers: { work: () => 'done' } });
    await settled();
    expect(await next.fleet.getBatchStatus(batchId)).toMatchObject({
      status: 'completed',
      completedTasks: 5
    });
  });

  it('C10: priority decides what runs first', async () => {
    const order: string[] = [];
    const { fleet } = await startFleet({
      handlers: { work: (_: null, { task }) => void order.push(task.id) },
      config: { maxConcurrentWorkers: 1 }
    });
    await fleet.pause();
    await fleet.submitBatch([
      { id: 'low', type: 'work', data: null, priority: 0 },
      { id: 'high', type: 'work', data: null, priority: 10 },
      { id: 'normal', type: 'work', data: null, priority: 5 }
    ]);
    await fleet.resume();
    await settled();

    expect(order).toEqual(['high', 'normal', 'low']);
  });

  it('C11: what is written grows with the tasks, not with their square', async () => {
    const writtenPerTask = async (count: number): Promise<number> => {
      const written = { length: 0 };
      const { fleet } = await startFleet({
        handlers: { work: () => null },
        store: counting(memoryStore(), written)
      });
      await fleet.submitBatch(works(count));
      await settled();
      await fleet.waitForBatch((await fleet.listBatches())[0]!.id);
      await fleet.stop();
      return written.length / count;
    };

    expect(await writtenPerTask(2_000)).toBeLessThan(1.5 * (await writtenPerTask(200)));
  });

  it('C12: results beyond 2 MB are kept, summed up without reading them, and let go in time', async () => {
    const reads: string[] = [];
    const { fleet, clock } = await startFleet({
      handlers: { work: () => 'x'.repeat(100_000) },
      config: { retention: { maxAgeMs: 60_000, maxBatches: null } },
      store: watched(memoryStore(), reads)
    });
    const batchId = await fleet.submitBatch(works(30));
    await fleet.waitForBatch(batchId);
    reads.length = 0;

    expect(await fleet.coordinator.getSummary()).toMatchObject({ totalResults: 30, successCount: 30 });
    expect(reads).toEqual([]);

    await clock.advance(180_000);
    expect(await fleet.listBatches()).toEqual([]);
    expect(await fleet.coordinator.getSummary()).toMatchObject({ totalResults: 30 });
  });

  it('C13: a result that comes twice counts once, and a limit of 0 is refused', async () => {
    const { fleet } = await startFleet({ handlers: {} });
    const { coordinator } = fleet;
    const result = { taskId: 't', success: true, duration: 5, timestamp: 1 };
    await Promise.all([coordinator.submitResult('w', result), coordinator.submitResult('w', result)]);
    await coordinator.submitResult('w', result);

    expect(await coordinator.getCount()).toBe(1);
    await expect(coordinator.getResults({ limit: 0 })).rejects.toThrow(ValidationError);
    await expect(coordinator.getSuccessfulResults(0)).rejects.toThrow(ValidationError);
  });

  it('C14: results carry the ids of the workers that the fleet shows', async () => {
    const hold = gate();
    const { fleet } = await startFleet({
      handlers: { work: () => hold.promise },
      config: { maxConcurrentWorkers: 3 }
    });
    const batchId = await fleet.submitBatch(works(3));
    await settled();
    const shown = (await fleet.getActiveWorkers()).map(({ id }) => id);
    hold.open();
    await settled();

    const carried = (await fleet.getBatchResults(batchId)).map(({ workerId }) => workerId);
    expect(new Set(carried)).toEqual(new Set(shown));
    for (const id of shown) expect(await fleet.coordinator.getResultsByWorker(id)).toHaveLength(1);
  });

  it('C15: a report that throws leaves a success a success, and is made once', async () => {
    const reports: TaskResult[] = [];
    class Careless extends WorkerAgent<number, number> {
      override processTask(): number {
        return 42;
      }
      override reportResult(result: TaskResult<number>): void {
        reports.push(result);
        throw new Error('nobody listens');
      }
    }
    const worker = new Careless({ id: 'w', onHookError: () => {} });
    await worker.start();

    expect(await worker.executeTask({ id: 't', type: 'any', data: 1 })).toMatchObject({
      success: true,
      result: 42
    });
    expect(reports).toHaveLength(1);
    expect(worker.info).toMatchObject({ totalCompleted: 1, totalFailed: 0 });
    await worker.stop();
  });

  it('C16: a task ends when it ends, and is not gone when it is only taken', async () => {
    const clock = new SimulatedClock();
    const { fleet } = await startFleet({ clock, handlers: { work: () => later(clock, 250) } });
    const task = await fleet.submitAsync('work', null);
    await clock.advance(250);
    const { startedAt, settledAt } = await fleet.getTask(task.key);
    expect(settledAt! - startedAt!).toBe(250);

    const time = new SimulatedClock();
    const queue = new TaskQueue({ clock: time, leaseMs: 1_000, newId: countingIds() });
    await queue.start();
    await queue.enqueue('work', null, { id: 't' });
    const taken = (await queue.dequeue('w-1', { timeoutMs: 0 }))!;
    expect(await queue.getTask('t')).toMatchObject({ status: 'running' });
    await time.advance(1_000);
    expect(await queue.dequeue('w-2', { timeoutMs: 0 })).toMatchObject({ id: 't', attempt: 2 });
    await expect(queue.complete(taken, null)).rejects.toThrow(FencedError);
    await queue.stop({ graceful: false });
  });
});

const works = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: String(index), type: 'work' as const, data: null }));

const numbered = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: String(index), type: 'double' as const, data: index }));

/** A fleet whose every task has a worker of its own. */
async function startEphemeral() {
  const instances: Doubler[] = [];
  const cleaned: string[] = [];
  class Doubler extends WorkerAgent<number, number> {
    override processTask({ data }: { data: number }): number {
      return data * 2;
    }
    override cleanup(): void {
      cleaned.push(this.getWorkerId());
    }
  }
  class DoublingFleet extends FleetManager<{ double: (data: number) => number }> {
    protected override getWorkerInstance(id: string): Doubler {
      const instance = new Doubler({ id });
      instances.push(instance);
      return instance;
    }
  }
  const fleet = new DoublingFleet({ config: { tasksPerWorker: 1, maxConcurrentWorkers: 2 } });
  await fleet.start();
  return { fleet, instances, cleaned };
}

function later(clock: SimulatedClock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.setAlarm(resolve, ms));
}

/** Counts the characters that are written. */
function counting(inner: Store, written: { length: number }): Store {
  const commit = (commit: Commit): Promise<void> => {
    written.length += JSON.stringify(commit).length;
    return inner.commit(commit);
  };
  return { ...inner, commit };
}

/** Notes the reads of results. */
function watched(inner: Store, reads: string[]): Store {
  const readResults: Store['readResults'] = (scope, query) => {
    reads.push('readResults');
    return inner.readResults(scope, query);
  };
  const sumResults: Store['sumResults'] = (scope, after) => {
    reads.push('sumResults');
    return inner.sumResults(scope, after);
  };
  return { ...inner, readResults, sumResults };
}
