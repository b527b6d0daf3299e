import { memoryStore, FleetManager, type ResultEntry, type Store } from 'xstate-fleet';
import { describe, expect, it } from 'vitest';
import { DataCoordinator } from './dataCoordinator.ts';
import { processReadings, type DataProcessingResult, type Transformation } from './readings.ts';
import { sampleFile } from './sample.ts';

describe('the data pipeline', () => {
  it('applies the transformations, and drops what is broken', async () => {
    await using fleet = await startPipeline();
    const result = await fleet.submit('process', file('a', 200, ['clean', 'validate', 'celsius']));

    expect(result).toMatchObject({ recordsProcessed: 193, recordsDropped: 8 });
    expect(result.mean).toBeGreaterThan(0);
    expect(result.mean).toBeLessThan(35);
  });

  it('counts records as they come, tells what failed, and finds results by what was applied', async () => {
    await using fleet = await startPipeline();
    const { coordinator } = fleet;
    const batchId = await fleet.submitBatch(
      [file('a', 100, ['clean']), file('b', 100, ['clean', 'validate']), file('c', 0, ['clean'])].map(
        (data) => ({ id: data.source, type: 'process' as const, data })
      )
    );
    await fleet.waitForBatch(batchId);
    await coordinator.hasTaken(3);

    expect(await coordinator.getTotalRecordsProcessed()).toBe(98 + 96);
    expect(coordinator.alerts).toEqual([
      expect.stringMatching(/^c failed on worker-\d+: c holds no reading/)
    ]);
    const validated = await coordinator.getResultsByTransformation('validate');
    expect(validated.map(({ source }) => source)).toEqual(['b']);
    expect(await coordinator.getSuccessRate()).toBeCloseTo(66.7, 1);
  });

  it('goes on counting after a restart', async () => {
    const store = memoryStore();
    for (const expected of [98, 196]) {
      await using fleet = await startPipeline(store);
      await fleet.submit('process', file('a', 100, ['clean']));
      await fleet.coordinator.hasTaken(1);
      expect(await fleet.coordinator.getTotalRecordsProcessed()).toBe(expected);
    }
  });
});

/** Says when it has taken in so many results. */
class WatchedCoordinator extends DataCoordinator {
  #taken = 0;
  #listener = (): void => {};

  async hasTaken(count: number): Promise<void> {
    while (this.#taken < count) await new Promise<void>((resolve) => (this.#listener = resolve));
  }

  protected override async onResult(entry: ResultEntry<DataProcessingResult>): Promise<void> {
    await super.onResult(entry);
    this.#taken += 1;
    this.#listener();
  }
}

function file(source: string, count: number, transformations: readonly Transformation[]) {
  return { source, csv: sampleFile(1, count), transformations };
}

async function startPipeline(store: Store = memoryStore()) {
  const fleet = new FleetManager({
    name: 'pipeline',
    store,
    handlers: { process: processReadings },
    coordinator: (options) => new WatchedCoordinator(options),
    config: { maxRetries: 0 }
  });
  await fleet.start();
  return fleet;
}
