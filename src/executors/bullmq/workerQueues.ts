import { Queue, type JobsOptions } from 'bullmq';
import type { ChainableCommander, Redis } from 'ioredis';
import type { AttemptRef, Outcome } from '../../../machines/task.ts';
import { attemptKey } from '../../ledger/roster.ts';
import type { FleetKeys } from './fleetKeys.ts';
import type { Given } from './givenAttempts.ts';
import { readOutcome } from './outcomeText.ts';
import { attemptOfJob, type JobData } from './protocol.ts';

/** What a job is found to be. */
export type FoundJob =
  | { readonly status: 'missing' }
  | { readonly status: 'waiting' }
  | { readonly status: 'active'; readonly isLocked: boolean }
  | { readonly status: 'settled'; readonly outcome: Outcome }
  /** BullMQ has given it up. */
  | { readonly status: 'failed'; readonly reason: string };

interface JobToAdd {
  readonly name: string;
  readonly data: JobData;
  readonly opts: JobsOptions;
}

/** A job by its worker. */
export interface JobRef {
  readonly workerId: string;
  readonly jobId: string;
}

/** How long what is left of a worker stays in Redis, ms: a zombie may still end what it had. */
export const leftoverMs = 10 * 60 * 1_000;

/** Parts of a queue that BullMQ makes in our use of it. */
const queueParts = ['id', 'meta', 'wait', 'active', 'completed', 'failed', 'marker', 'events', 'stalled'];

/** Where BullMQ keeps jobs that have ended, by when. */
const endedParts = ['completed', 'failed'] as const;
/** Jobs of one of them that are removed at once. */
const endedAtOnce = 1_000;

/** The queues of the workers, of which each has its own, as the fleet uses them. */
export class WorkerQueues {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #queues = new Map<string, Queue>();

  constructor(redis: Redis, keys: FleetKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /**
   * Adds jobs to all their queues: a pipeline for each, written together, so that it takes one round trip. Those that are
   * there already stay as they are.
   *
   * @throws what fails. Nobody knows then which are there.
   */
  async add(givens: readonly Given[]): Promise<void> {
    const byWorker = new Map<string, JobToAdd[]>();
    for (const { jobId, workerId, attempt } of givens) {
      const job: JobToAdd = {
        name: attempt!.type,
        data: attempt!,
        // BullMQ keeps what ended: whoever has committed it removes it, many at once.
        opts: { jobId, attempts: 1 }
      };
      const others = byWorker.get(workerId);
      if (others === undefined) byWorker.set(workerId, [job]);
      else others.push(job);
    }
    await Promise.all(
      Array.from(byWorker, ([workerId, jobs]) => this.#ask(workerId, (queue) => queue.addBulk(jobs)))
    );
  }

  /** Takes a job out that nobody has begun. @returns `false`: it was begun. */
  async remove({ workerId, jobId }: JobRef): Promise<boolean> {
    return (await this.#ask(workerId, (queue) => queue.remove(jobId))) === 1;
  }

  /** What became of jobs, in order, in one round trip. */
  async look(jobs: readonly JobRef[]): Promise<readonly FoundJob[]> {
    if (jobs.length === 0) return [];
    const pipeline = this.#redis.pipeline();
    for (const { workerId, jobId } of jobs) {
      const key = this.#keys.ofQueue(workerId, jobId);
      pipeline.hmget(key, 'timestamp', 'processedOn', 'finishedOn', 'returnvalue', 'failedReason');
      pipeline.exists(`${key}:lock`);
    }
    const answers = (await pipeline.exec())!;
    return jobs.map((_, index) => {
      const [[problem, fields], [, locks]] = [answers[2 * index]!, answers[2 * index + 1]!];
      if (problem) throw problem;
      return foundJob(fields as (string | null)[], locks === 1);
    });
  }

  /** Ids of the jobs of some attempts, by {@link attemptKey}, of whatever executor they were dispatched. */
  async jobIdsOf(workerId: string, attempts: readonly AttemptRef[]): Promise<ReadonlyMap<string, string>> {
    const part = (name: string): string => this.#keys.ofQueue(workerId, name);
    const wanted = new Set(attempts.map(attemptKey));
    const lists = await Promise.all([
      this.#redis.zrange(part('completed'), 0, -1),
      this.#redis.zrange(part('failed'), 0, -1),
      this.#redis.lrange(part('wait'), 0, -1),
      this.#redis.lrange(part('active'), 0, -1)
    ]);
    const found = new Map<string, string>();
    for (const jobId of lists.flat()) {
      const ref = attemptOfJob(jobId);
      if (ref !== null && wanted.has(attemptKey(ref))) found.set(attemptKey(ref), jobId);
    }
    return found;
  }

  /** Removes the results of jobs that the fleet has, and what the events told up to an entry of the stream. */
  async forget(workerId: string, jobIds: readonly string[], upToEventId: string | null): Promise<void> {
    const pipeline = this.#redis.pipeline();
    pipeline.zrem(this.#keys.ofQueue(workerId, 'completed'), ...jobIds);
    pipeline.unlink(...jobIds.map((jobId) => this.#keys.ofQueue(workerId, jobId)));
    if (upToEventId !== null)
      pipeline.xtrim(this.#keys.ofQueue(workerId, 'events'), 'MINID', '~', upToEventId);
    await carriedOut(pipeline);
  }

  /**
   * Removes jobs that ended before a time, and that nobody waits for. At most 1,000 of each kind.
   *
   * @param before - Epoch ms, by the clock of the worker.
   */
  async removeEnded(workerId: string, before: number, isAwaited: (jobId: string) => boolean): Promise<void> {
    for (const part of endedParts) {
      const key = this.#keys.ofQueue(workerId, part);
      const ended = await this.#redis.zrange(key, '-inf', before, 'BYSCORE', 'LIMIT', 0, endedAtOnce);
      const jobIds = ended.filter((jobId) => !isAwaited(jobId));
      if (jobIds.length === 0) continue;
      const jobKeys = jobIds.map((jobId) => this.#keys.ofQueue(workerId, jobId));
      await this.#redis
        .pipeline()
        .zrem(key, ...jobIds)
        .unlink(...jobKeys)
        .exec();
    }
  }

  /** Removes what waits in the queue of a worker that has ended, and lets the rest go by itself. */
  async abandon(workerId: string): Promise<void> {
    await this.#ask(workerId, (queue) => queue.drain());
    const lists = await Promise.all([
      this.#redis.lrange(this.#keys.ofQueue(workerId, 'active'), 0, -1),
      ...endedParts.map((part) => this.#redis.zrange(this.#keys.ofQueue(workerId, part), 0, -1))
    ]);
    const pipeline = this.#redis.pipeline();
    for (const part of [...queueParts, ...lists.flat()])
      pipeline.pexpire(this.#keys.ofQueue(workerId, part), leftoverMs);
    pipeline.unlink(this.#keys.aborts(workerId));
    await carriedOut(pipeline);
    this.#drop(workerId);
  }

  /** Lets go of what BullMQ holds; the connection is closed by whoever made it. */
  close(): void {
    for (const workerId of [...this.#queues.keys()]) this.#drop(workerId);
  }

  async #ask<T>(workerId: string, ask: (queue: Queue) => Promise<T>): Promise<T> {
    let queue = this.#queues.get(workerId);
    if (queue === undefined) {
      const prefix = this.#keys.queuePrefix;
      queue = new Queue(workerId, { connection: this.#redis, prefix, skipMetasUpdate: true });
      queue.on('error', tellNobody);
      this.#queues.set(workerId, queue);
    }
    try {
      return await ask(queue);
    } catch (error) {
      // One whose first command failed, as Redis went away, fails for ever.
      this.#drop(workerId);
      throw error;
    }
  }

  #drop(workerId: string): void {
    const queue = this.#queues.get(workerId);
    this.#queues.delete(workerId);
    void queue?.close().catch(tellNobody);
  }
}

/** A pipeline resolves whatever fails in it. @throws the first that did. */
async function carriedOut(pipeline: ChainableCommander): Promise<void> {
  for (const [problem] of (await pipeline.exec())!) if (problem) throw problem;
}

/** What fails is told to whoever asked. */
function tellNobody(): void {}

function foundJob(
  [timestamp, processedOn, finishedOn, returnvalue, failedReason]: readonly (string | null | undefined)[],
  isLocked: boolean
): FoundJob {
  if (timestamp == null) return { status: 'missing' };
  if (finishedOn != null) {
    if (returnvalue != null) return { status: 'settled', outcome: readOutcome(returnvalue) };
    return { status: 'failed', reason: failedReason ?? 'BullMQ gave it up' };
  }
  return processedOn == null ? { status: 'waiting' } : { status: 'active', isLocked };
}
