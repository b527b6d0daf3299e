import type { Redis } from 'ioredis';
import type { FleetKeys } from './fleetKeys.ts';
import { namePattern, type WorkerEntry } from './protocol.ts';

/** How long the registry of a fleet stays when nobody is there any more, ms. */
const keptMs = 7 * 24 * 60 * 60 * 1_000;

/**
 * Puts an entry in, or renews the one that is there: `0` where it is to be there and is not. Gives what is to be aborted.
 *
 * Also in a Redis that is full: otherwise all workers would fall silent at once.
 */
const renewScript = `#!lua flags=allow-oom
if ARGV[3] == '1' and redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ${keptMs})
redis.call('PEXPIRE', KEYS[2], ${keptMs})
return redis.call('HGETALL', KEYS[3])`;

const surveyScript = `#!lua flags=no-writes
local time = redis.call('TIME')
return {
  time[1] * 1000 + math.floor(time[2] / 1000),
  redis.call('HVALS', KEYS[1]),
  redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')
}`;

/** A worker as the registry has it. */
export interface RegisteredEntry {
  readonly entry: WorkerEntry;
  /** When it was last heard, in ms of Redis' clock. */
  readonly beatAt: number;
}

/** What the registry had at one moment. */
export interface Survey {
  /** In ms of Redis' clock. */
  readonly now: number;
  readonly workers: ReadonlyMap<string, RegisteredEntry>;
}

/**
 * Which workers a fleet has: an entry for each in Redis, which its worker renews, and which the fleet crosses out when it
 * is not renewed. A worker that finds itself crossed out is not one any more.
 *
 * All times are of Redis' own clock, and compared with nothing but it.
 */
export class Registry {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;

  constructor(redis: Redis, keys: FleetKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** @throws what the connection throws. */
  async enter(entry: WorkerEntry): Promise<void> {
    await this.#renew(entry, false);
  }

  /**
   * Renews an entry.
   *
   * @returns What the fleet wants aborted: JSON text of the cause by job id; `null`: the entry is not there any more.
   */
  async renew(entry: WorkerEntry): Promise<Readonly<Record<string, string>> | null> {
    const answer = await this.#renew(entry, true);
    if (!Array.isArray(answer)) return null;
    return Object.fromEntries(pairsOf(answer as string[]));
  }

  async crossOut(workerId: string): Promise<void> {
    await this.#redis.multi().hdel(this.#keys.workers, workerId).zrem(this.#keys.beats, workerId).exec();
  }

  async survey(): Promise<Survey> {
    const { workers, beats } = this.#keys;
    const [now, entries, scores] = (await this.#redis.eval(surveyScript, 2, workers, beats)) as [
      number,
      string[],
      string[]
    ];
    const beatAt = new Map(pairsOf(scores));
    const read = entries.map(readEntry).filter((entry) => entry !== null);
    return {
      now,
      workers: new Map(
        read.map((entry) => [entry.workerId, { entry, beatAt: Number(beatAt.get(entry.workerId) ?? 0) }])
      )
    };
  }

  #renew(entry: WorkerEntry, mustBeThere: boolean): Promise<unknown> {
    const { workers, beats } = this.#keys;
    const keys = [workers, beats, this.#keys.aborts(entry.workerId)];
    const isRenewal = mustBeThere ? '1' : '0';
    return this.#redis.eval(renewScript, 3, ...keys, entry.workerId, JSON.stringify(entry), isRenewal);
  }
}

function pairsOf(flat: readonly string[]): [string, string][] {
  return Array.from({ length: flat.length / 2 }, (_, index) => [flat[2 * index]!, flat[2 * index + 1]!]);
}

/** An entry that is none, or that another version of the protocol words otherwise, as far as it can be read. */
function readEntry(text: string): WorkerEntry | null {
  let found: Partial<Record<keyof WorkerEntry, unknown>>;
  try {
    found = JSON.parse(text) as typeof found;
    if (typeof found.workerId !== 'string' || !namePattern.test(found.workerId)) return null;
  } catch {
    return null;
  }
  const { workerId, protocol, state, concurrency, heartbeatMs, pid, host, tags, types } = found;
  return {
    workerId,
    protocol: typeof protocol === 'number' ? protocol : 0,
    state: state === 'draining' || state === 'left' ? state : 'ready',
    concurrency: positive(concurrency, 1),
    heartbeatMs: positive(heartbeatMs, 5_000),
    pid: positive(pid, 0),
    host: typeof host === 'string' ? host : '',
    tags: texts(tags),
    types: texts(types)
  };
}

function positive(value: unknown, otherwise: number): number {
  return Number.isSafeInteger(value) && (value as number) >= 1 ? (value as number) : otherwise;
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}
