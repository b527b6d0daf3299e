import type { WorkerReport } from '../../machines/workerMachine.ts';
import type { Place } from '../ledger/roster.ts';
import type { WorkerInfo } from './workerViews.ts';

/** Workers that have ended and are remembered. Totals of the fleet count the others too. */
const mostEnded = 1_000;

/** The workers that have ended. */
export class WorkerHistory {
  readonly #ended: WorkerInfo[] = [];

  /** Takes in what a worker said of itself. @param place - As it is before. @param at - Epoch ms. */
  record(
    { type, workerId, tags, types, concurrency, spawnedAt }: WorkerReport,
    place: Place | undefined,
    at: number
  ): void {
    if (type !== 'worker.stopped' && type !== 'worker.broken') return;
    this.#ended.push({
      id: workerId,
      taskId: '',
      taskIds: [],
      status: type === 'worker.stopped' ? 'completed' : 'failed',
      spawnedAt,
      completedAt: at,
      tags,
      concurrency,
      ...(types !== null && { types }),
      completed: place?.completed ?? 0,
      failed: place?.failed ?? 0,
      lastHeartbeatAt: place?.lastHeartbeatAt ?? null
    });
    if (this.#ended.length > mostEnded) this.#ended.shift();
  }

  /** The last of the workers that ended, oldest first. */
  get ended(): readonly WorkerInfo[] {
    return this.#ended;
  }
}
