import type { WorkerReport } from '../../machines/workerMachine.ts';
import type { Place } from '../ledger/roster.ts';
import type { WorkerInfo } from './workerViews.ts';

/** Workers that have ended and are remembered. Totals of the fleet count the others too. */
const mostEnded = 1_000;
const mostLost = 20;

/** A worker that died or was silent for too long. */
export interface LostWorker {
  readonly id: string;
  /** Why it is taken for gone. */
  readonly problem: string;
  /** When that was, epoch ms. */
  readonly at: number;
  readonly tags: readonly string[];
  /** Attempts that completed, and that failed or timed out, while it was there. */
  readonly completed: number;
  readonly failed: number;
}

/** The workers that have ended. */
export class WorkerHistory {
  readonly #ended: WorkerInfo[] = [];
  #lost: readonly LostWorker[] = [];
  /** Workers that were lost and have not ended yet, by slot, as they were: the roster has forgotten them. */
  readonly #lostPlaces = new Map<string, Place>();

  /** Takes in what a worker said of itself. @param place - As it is before. @param at - Epoch ms. */
  record(report: WorkerReport, place: Place | undefined, at: number): void {
    switch (report.type) {
      case 'worker.lost':
        return this.#lose(report, place, at);
      case 'worker.ready':
      case 'worker.unfit':
        return this.#find(report.workerId);
      case 'worker.stopped':
      case 'worker.broken':
        return this.#end(report, place, at);
      case 'worker.offering':
      case 'worker.withdrawn':
      case 'worker.unresponsive':
        return;
    }
  }

  /** The last of the workers that ended, oldest first. */
  get ended(): readonly WorkerInfo[] {
    return this.#ended;
  }

  /** The last 20 of the workers that were lost and have not come back, newest first. */
  get lost(): readonly LostWorker[] {
    return this.#lost;
  }

  #lose({ slot, workerId, problem, tags }: WorkerReport, place: Place | undefined, at: number): void {
    if (place !== undefined) this.#lostPlaces.set(slot, place);
    const { completed = 0, failed = 0 } = place ?? {};
    const lost = { id: workerId, problem: problem ?? '', at, tags, completed, failed };
    this.#lost = [lost, ...this.#lost].slice(0, mostLost);
  }

  /** One that is elsewhere may be back, under the id that it had. */
  #find(workerId: string): void {
    if (this.#lost.some(({ id }) => id === workerId))
      this.#lost = this.#lost.filter(({ id }) => id !== workerId);
  }

  #end(
    { type, slot, workerId, tags, types, concurrency, prefetch, spawnedAt }: WorkerReport,
    place: Place | undefined,
    at: number
  ): void {
    const last = this.#lostPlaces.get(slot) ?? place;
    this.#lostPlaces.delete(slot);
    this.#ended.push({
      id: workerId,
      taskId: '',
      taskIds: [],
      status: type === 'worker.stopped' ? 'completed' : 'failed',
      spawnedAt,
      completedAt: at,
      tags,
      concurrency,
      ...(types !== null && { prefetch, types }),
      completed: last?.completed ?? 0,
      failed: last?.failed ?? 0,
      lastHeartbeatAt: last?.lastHeartbeatAt ?? null
    });
    if (this.#ended.length > mostEnded) this.#ended.shift();
  }
}
