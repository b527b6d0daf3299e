import { describe, expect, it } from 'vitest';
import {
  CoordinatorAgent,
  createAgentRegistry,
  FleetManager,
  getAgentByName,
  memoryStore,
  WorkerAgent,
  type AgentOptions,
  type TaskResult,
  type WorkerTask
} from '../../src/index.ts';
import { settled } from '../harness.ts';

interface DataTask {
  readonly sourceUrl: string;
  readonly transformations: readonly string[];
}

interface DataResult {
  readonly outputUrl: string;
  readonly recordsProcessed: number;
}

/** The workflow that the documents of common-agents draw: agents found by name, workers that report. */
describe('a fleet manager, its workers and a coordinator, found by name', () => {
  it('process a batch, which is polled to its end, and report to the coordinator', async () => {
    await using registry = startRegistry();
    const fleet = await getAgentByName(registry.FLEET_MANAGER, 'default');
    const coordinator = await getAgentByName(registry, 'COORDINATOR', 'default');

    const batchId = await fleet.submitBatch([
      ...Array.from({ length: 5 }, (_, index) => task(`good-${index}`, `https://data.example/${index}`)),
      task('bad', 'file:///etc/passwd')
    ]);
    let status = await fleet.getBatchStatus(batchId);
    while (status.status === 'pending' || status.status === 'processing') {
      await settled();
      status = await fleet.getBatchStatus(batchId);
    }

    expect(status).toMatchObject({ status: 'partial', completedTasks: 5, failedTasks: 1, progress: 1 });
    const results = await fleet.getBatchResults<DataResult>(batchId);
    expect(results.filter(({ success }) => success)).toHaveLength(5);
    expect(await coordinator.getSummary()).toMatchObject({ totalResults: 6, successCount: 5 });
    expect(await coordinator.getSuccessRate()).toBeCloseTo(83.33, 2);
    const [failure] = await coordinator.getFailedResults(10);
    expect(failure!.result).toMatchObject({ taskId: 'bad', error: 'No source: file:///etc/passwd' });
    const processed = await coordinator.getSuccessfulResults();
    expect(processed.reduce((sum, result) => sum + result!.recordsProcessed, 0)).toBe(50);
    const [top] = await coordinator.getTopWorkers(1);
    expect(await coordinator.getResultsByWorker(top!.workerId)).toHaveLength(top!.count);
  });

  it('are the same for all who ask, and are there again after a restart', async () => {
    const store = memoryStore();
    const first = startRegistry(store);
    const fleet = await getAgentByName(first.FLEET_MANAGER, 'default');
    expect(await getAgentByName(first, 'FLEET_MANAGER', 'default')).toBe(fleet);
    const batchId = await fleet.submitBatch([task('a', 'https://data.example/a')]);
    await fleet.waitForBatch(batchId);
    await first.stop();

    await using second = startRegistry(store);
    const again = await getAgentByName(second.FLEET_MANAGER, 'default');
    expect(again).not.toBe(fleet);
    expect(await again.getBatchStatus(batchId)).toMatchObject({ status: 'completed' });
    const coordinator = await getAgentByName(second.COORDINATOR, 'default');
    expect(await coordinator.getCount()).toBe(1);
  });
});

function task(id: string, sourceUrl: string) {
  return { id, type: 'process' as const, data: { sourceUrl, transformations: ['clean'] }, priority: 10 };
}

function startRegistry(store = memoryStore()) {
  class DataWorker extends WorkerAgent<DataTask, DataResult> {
    protected override processTask({ data: { sourceUrl } }: WorkerTask<DataTask>): DataResult {
      if (!sourceUrl.startsWith('https:')) throw new Error(`No source: ${sourceUrl}`);
      return { outputUrl: `${sourceUrl}.out`, recordsProcessed: 10 };
    }

    protected override async reportResult(result: TaskResult<DataResult>): Promise<void> {
      const coordinator = await getAgentByName(registry.COORDINATOR, 'default');
      await coordinator.submitResult(this.getWorkerId(), result);
    }
  }
  class DataFleetManager extends FleetManager<{ process: (data: DataTask) => DataResult }> {
    constructor(options: AgentOptions) {
      super({ ...options, config: { maxConcurrentWorkers: 3, retryFailedTasks: false } });
    }

    protected override getWorkerInstance(workerId: string): Promise<DataWorker> {
      return getAgentByName(registry.DATA_WORKER, workerId);
    }
  }
  class DataCoordinator extends CoordinatorAgent<DataResult> {}
  const registry = createAgentRegistry(
    {
      FLEET_MANAGER: DataFleetManager,
      COORDINATOR: DataCoordinator,
      DATA_WORKER: (_: AgentOptions, id: string) => new DataWorker({ id })
    },
    { store }
  );
  return registry;
}
