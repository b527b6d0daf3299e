import { CoordinatorAgent, type ResultEntry } from 'xstate-fleet';
import type { DataProcessingResult, Transformation } from './readings.ts';

/** Gathers what the pipeline made, counts records as they come, and keeps what failed. */
export class DataCoordinator extends CoordinatorAgent<DataProcessingResult> {
  readonly alerts: string[] = [];

  protected override async onResult({ result, workerId }: ResultEntry<DataProcessingResult>): Promise<void> {
    if (!result.success) {
      this.alerts.push(`${result.taskId} failed on ${workerId}: ${result.error}`);
      return;
    }
    await this.updateMetadata({
      totalRecordsProcessed: (await this.getTotalRecordsProcessed()) + result.result!.recordsProcessed
    });
  }

  async getTotalRecordsProcessed(): Promise<number> {
    const { totalRecordsProcessed = 0 } = await this.getMetadata();
    return totalRecordsProcessed as number;
  }

  async getResultsByTransformation(transformation: Transformation): Promise<DataProcessingResult[]> {
    const results = await this.getSuccessfulResults();
    return results.filter(
      (result) => result !== undefined && result.transformationsApplied.includes(transformation)
    ) as DataProcessingResult[];
  }
}
