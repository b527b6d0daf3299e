import type { Redis } from 'ioredis';
import type { Clock } from '../../clock.ts';
import { Backoff } from './backoff.ts';
import type { FleetKeys } from './fleetKeys.ts';

/** How long one read waits for news, ms: an idle connection is heard of so often. */
export const readBlocksMs = 5_000;
/**
 * How long a read waits after one that found something, ms. A read ends with the first entry: without the pause a fleet under
 * load reads, steps and commits for almost every event by itself.
 */
const gatherMs = 5;
/** Entries of all streams that one read takes, about. */
const entriesAtOnce = 10_000;

/** An entry of the event stream of a worker's queue. */
export interface StreamEntry {
  readonly id: string;
  readonly fields: Readonly<Record<string, string>>;
}

export interface NewsReaderOptions {
  /** A connection of its own: reads block it. */
  readonly blocked: Redis;
  readonly redis: Redis;
  readonly keys: FleetKeys;
  readonly clock: Clock;
  readonly take: (workerId: string, entries: readonly StreamEntry[]) => void;
  /** Workers say that their entry in the registry has changed. */
  readonly onRegistryChanged: () => void;
}

/**
 * Reads the event streams of all workers' queues over one connection.
 *
 * Where a stream is cut or lost, entries are missed: nobody may rely on them alone.
 */
export class NewsReader {
  readonly #options: NewsReaderOptions;
  readonly #backoff: Backoff;
  #gathering: Disposable | null = null;
  /** The last entry that was read, by worker. */
  readonly #positions = new Map<string, string>();
  #wokenAt = '0-0';
  #hasStopped = false;

  constructor(options: NewsReaderOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.clock);
  }

  start(): void {
    void this.#read();
  }

  /** Reads the streams of more workers, from now on. @throws what the connection throws. */
  async follow(workerIds: readonly string[]): Promise<void> {
    const { redis, keys } = this.#options;
    const added = workerIds.filter((workerId) => !this.#positions.has(workerId));
    if (added.length === 0) return;
    const pipeline = redis.pipeline();
    for (const workerId of added) pipeline.xrevrange(keys.ofQueue(workerId, 'events'), '+', '-', 'COUNT', 1);
    const answers = (await pipeline.exec())!;
    for (const [index, workerId] of added.entries()) {
      const [problem, last] = answers[index]!;
      if (problem) throw problem;
      this.#positions.set(workerId, (last as [string][])[0]?.[0] ?? '0-0');
    }
    // Only now: a read that ends earlier would wait again without them. In a Redis that is full it waits its time.
    await redis.xadd(keys.wake, 'MAXLEN', '~', 100, '*', 'followed', String(added.length)).catch(() => {});
  }

  unfollow(workerId: string): void {
    this.#positions.delete(workerId);
  }

  stop(): void {
    this.#hasStopped = true;
    this.#gathering?.[Symbol.dispose]();
    this.#backoff.end();
  }

  async #read(): Promise<void> {
    while (!this.#hasStopped) {
      try {
        const hasRead = await this.#readOnce();
        this.#backoff.reset();
        if (hasRead && !this.#hasStopped) await this.#gather();
      } catch {
        await this.#backoff.pause();
      }
    }
  }

  /** For ever, where it is stopped meanwhile. */
  #gather(): Promise<void> {
    return new Promise((resolve) => (this.#gathering = this.#options.clock.setAlarm(resolve, gatherMs)));
  }

  /** @returns Whether there was anything before its time was over. */
  async #readOnce(): Promise<boolean> {
    const { blocked, keys, take, onRegistryChanged } = this.#options;
    const workerIds = [...this.#positions.keys()];
    const streams = [keys.wake, ...workerIds.map((workerId) => keys.ofQueue(workerId, 'events'))];
    const ids = [this.#wokenAt, ...workerIds.map((workerId) => this.#positions.get(workerId)!)];
    const count = Math.max(10, Math.floor(entriesAtOnce / streams.length));
    const found = await blocked.xread('COUNT', count, 'BLOCK', readBlocksMs, 'STREAMS', ...streams, ...ids);
    if (this.#hasStopped || found === null) return false;
    const workerOf = new Map(workerIds.map((workerId, index) => [streams[index + 1]!, workerId]));
    for (const [stream, entries] of found) {
      const lastId = entries.at(-1)![0];
      const workerId = workerOf.get(stream);
      if (workerId === undefined) {
        this.#wokenAt = lastId;
        if (entries.some(([, [field]]) => field === 'worker')) onRegistryChanged();
      } else if (this.#positions.has(workerId)) {
        this.#positions.set(workerId, lastId);
        take(
          workerId,
          entries.map(([id, fields]) => ({ id, fields: recordOf(fields) }))
        );
      }
    }
    return true;
  }
}

function recordOf(fields: readonly string[]): Record<string, string> {
  const record: Record<string, string> = {};
  for (let index = 0; index < fields.length; index += 2) record[fields[index]!] = fields[index + 1]!;
  return record;
}
