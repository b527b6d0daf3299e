import type { Redis } from 'ioredis';
import type { FleetKeys } from './fleetKeys.ts';
import type { Given } from './givenAttempts.ts';
import type { AbortOrder } from './protocol.ts';
import type { WorkerQueues } from './workerQueues.ts';

/** How long an order to abort stays in Redis, ms: a worker reads it with its next heartbeat. */
const orderMs = 60 * 60 * 1_000;

/** Keeps orders, and tells of them at once. Also in a Redis that is full: what is aborted makes room. */
const orderScript = `#!lua flags=allow-oom
for index = 1, #ARGV, 3 do
  redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1])
  redis.call('PUBLISH', KEYS[1], ARGV[index + 2])
end
redis.call('PEXPIRE', KEYS[1], ${orderMs})`;

export interface AttemptAbortsOptions {
  readonly redis: Redis;
  readonly keys: FleetKeys;
  readonly queues: Pick<WorkerQueues, 'remove'>;
  /** Whether an end of it is still waited for. */
  readonly isOpen: (given: Given) => boolean;
  /** Its job was taken out: nobody runs it. */
  readonly onTakenOut: (given: Given) => void;
  /** Tries again until it does not fail, or is not wanted any more. */
  readonly untilDone: (act: () => Promise<void>, isWanted: () => boolean) => Promise<void>;
}

/**
 * Ends attempts that may be in Redis: the jobs of those that wait are taken out, and the workers of the others are told.
 *
 * All that a worker is to end in one turn of the fleet goes together, and what waits in it first: a place that an abort sets
 * free takes nothing that is to end too.
 */
export class AttemptAborts {
  readonly #options: AttemptAbortsOptions;
  /** By worker, what came in this turn of the event loop. */
  #gathered = new Map<string, Given[]>();

  constructor(options: AttemptAbortsOptions) {
    this.#options = options;
  }

  /** @param given - With the cause of its abort. */
  bring(given: Given): void {
    if (this.#gathered.size === 0) queueMicrotask(() => this.#bringGathered());
    const others = this.#gathered.get(given.workerId);
    if (others === undefined) this.#gathered.set(given.workerId, [given]);
    else others.push(given);
  }

  /** Removes the order for an attempt that is over. Where that fails it expires. */
  async forget({ workerId, jobId }: Given): Promise<void> {
    const { redis, keys } = this.#options;
    await redis.hdel(keys.aborts(workerId), jobId).catch(() => {});
  }

  #bringGathered(): void {
    const { isOpen, untilDone } = this.#options;
    const gathered = this.#gathered;
    this.#gathered = new Map();
    for (const [workerId, givens] of gathered) {
      void untilDone(
        () => this.#end(workerId, givens.filter(isOpen)),
        () => givens.some(isOpen)
      );
    }
  }

  async #end(workerId: string, givens: readonly Given[]): Promise<void> {
    const { isOpen } = this.#options;
    await Promise.all(givens.filter(({ state }) => state !== 'started').map((given) => this.#takeOut(given)));
    await this.#order(workerId, givens.filter(isOpen));
  }

  async #takeOut(given: Given): Promise<void> {
    const { queues, onTakenOut } = this.#options;
    if (await queues.remove(given)) onTakenOut(given);
  }

  async #order(workerId: string, givens: readonly Given[]): Promise<void> {
    if (givens.length === 0) return;
    const { redis, keys } = this.#options;
    const texts = givens.flatMap(({ jobId, abortCause }) => {
      const order: AbortOrder = { jobId, cause: abortCause! };
      return [jobId, JSON.stringify(order.cause), JSON.stringify(order)];
    });
    await redis.eval(orderScript, 1, keys.aborts(workerId), ...texts);
  }
}
