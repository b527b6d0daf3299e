/**
 * Where a fleet's things are in Redis: a queue of BullMQ for each worker, and what BullMQ has no place for beside them.
 *
 * Ids of workers hold no `@`, so that no queue takes the name of anything else.
 */
export class FleetKeys {
  /** BullMQ's prefix of the workers' queues, each of which has the name of its worker. */
  readonly queuePrefix: string;
  /** Hash: what each worker says of itself, by id. */
  readonly workers: string;
  /** Sorted set: when each worker was last heard, in ms of Redis' own clock. */
  readonly beats: string;
  /** Stream: what is added to it ends a fleet's wait for news, and the id of a worker has it look who is there. */
  readonly wake: string;

  constructor(prefix: string, fleet: string) {
    this.queuePrefix = `${prefix}:${fleet}`;
    this.workers = `${this.queuePrefix}:@workers`;
    this.beats = `${this.queuePrefix}:@beats`;
    this.wake = `${this.queuePrefix}:@wake`;
  }

  /** A key of the queue of a worker, as BullMQ names it: `wait`, `active`, `completed`, `events`, or the id of a job. */
  ofQueue(workerId: string, part: string): string {
    return `${this.queuePrefix}:${workerId}:${part}`;
  }

  /** Hash: causes by job id, of attempts that the worker is to abort. Also the channel that tells of them at once. */
  aborts(workerId: string): string {
    return this.ofQueue(workerId, '@aborts');
  }
}
