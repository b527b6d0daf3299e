import type { WorkerReport } from '../machines/workerMachine.ts';
import type { Place } from './roster.ts';
import type { WorkerInfo } from './workerViews.ts';

/** Workers that have ended and are remembered. Totals of the fleet count the others too. */
const mostEnded = 1_000;
const noTags: readonly string[] = [];

/** What is known of workers beside their places: what they offer, and those that have ended. */
export class WorkerHistory {
  readonly #spawned = new Map<string, { readonly at: number; readonly tags: readonly string[] }>();
  readonly #ended: WorkerInfo[] = [];

  /** A worker was made. @param at - Epoch ms. */
  recordSpawn(workerId: string, at: number, tags: readonly string[] = noTags): void {
    this.#spawned.set(workerId, { at, tags });
  }

  /** Takes in what a worker said of itself. @param place - As it is before. @param at - Epoch ms. */
  record({ type, workerId }: WorkerReport, place: Place | undefined, at: number): void {
    if (type !== 'worker.stopped' && type !== 'worker.broken') return;
    const spawned = this.#spawned.get(workerId);
    this.#spawned.delete(workerId);
    this.#ended.push({
      id: workerId,
      taskId: '',
      taskIds: [],
      status: type === 'worker.stopped' ? 'completed' : 'failed',
      spawnedAt: spawned?.at ?? null,
      completedAt: at,
      tags: spawned?.tags ?? noTags,
      completed: place?.completed ?? 0,
      failed: place?.failed ?? 0,
      lastHeartbeatAt: place?.lastHeartbeatAt ?? null
    });
    if (this.#ended.length > mostEnded) this.#ended.shift();
  }

  tagsOf(workerId: string): readonly string[] {
    return this.#spawned.get(workerId)?.tags ?? noTags;
  }

  /** The last of the workers that ended, oldest first. */
  get ended(): readonly WorkerInfo[] {
    return this.#ended;
  }
}
