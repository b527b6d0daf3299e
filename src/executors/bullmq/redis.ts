import { createRequire } from 'node:module';
import { Redis, type RedisOptions } from 'ioredis';
import { pauseAfter } from './backoff.ts';
import { errorText } from './errorText.ts';
import { leastBullMq, leastRedis } from './protocol.ts';
import { UnfitServerError } from './unfitServerError.ts';

/** How a Redis is reached: its URL, or what ioredis is made with. */
export type RedisAddress =
  | { readonly url: string; readonly connection?: undefined }
  | { readonly connection: RedisOptions; readonly url?: undefined };

/**
 * A connection that comes back by itself.
 *
 * @param options - What is special about this one.
 */
export function connect({ url, connection }: RedisAddress, options: RedisOptions = {}): Redis {
  const given: RedisOptions = {
    keepAlive: 10_000,
    retryStrategy: pauseAfter,
    ...connection,
    // Nobody here asks for the connection, and a worker's commands wait for it.
    lazyConnect: false,
    enableOfflineQueue: true,
    ...options
  };
  const redis = url === undefined ? new Redis(given) : new Redis(url, given);
  // It is told by what fails, again and again while Redis is away.
  redis.on('error', () => {});
  return redis;
}

/**
 * Looks whether Redis and BullMQ are fit for a fleet. Warns of a Redis that drops data when it is full.
 *
 * @param timeoutMs - How long Redis may take to answer.
 * @throws {UnfitServerError}
 */
export async function assertFit(redis: Redis, address: RedisAddress, timeoutMs: number): Promise<void> {
  const { version } = createRequire(import.meta.url)('bullmq/package.json') as { version: string };
  if (isOlder(version, leastBullMq) || Number.parseInt(version, 10) !== leastBullMq[0]) {
    throw new UnfitServerError(`bullmq ${version}`, `install bullmq@^${leastBullMq.join('.')}`);
  }
  const server = serverOf(address);
  const info = await answerWithin(redis, server, timeoutMs);
  const found = /^redis_version:(\S+)/m.exec(info)?.[1] ?? 'of an unknown version';
  if (isOlder(found, leastRedis)) {
    throw new UnfitServerError(server, `it is Redis ${found}; use Redis ${leastRedis[0]} or newer`);
  }
  if (/^redis_mode:cluster/m.test(info)) {
    throw new UnfitServerError(server, 'it is a cluster; use a Redis of its own, or one behind sentinels');
  }
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
  if (policy === undefined || policy === 'noeviction') return;
  process.emitWarning(
    `${server} has the maxmemory-policy ${policy}: when it is full it drops jobs and results, and attempts are ` +
      'lost. Set it to noeviction'
  );
}

/** Where it is, without user and password. */
export function serverOf({ url, connection }: RedisAddress): string {
  if (url === undefined)
    return `Redis at ${connection.path ?? `${connection.host ?? '127.0.0.1'}:${connection.port ?? 6379}`}`;
  const { protocol, host, pathname } = new URL(url);
  return `Redis at ${protocol}//${host}${pathname}`;
}

async function answerWithin(redis: Redis, server: string, timeoutMs: number): Promise<string> {
  let lastError: unknown = null;
  let refuse!: (error: unknown) => void;
  const refused = new Promise<never>((_, reject) => (refuse = reject));
  const keep = (error: unknown): void => {
    lastError = error;
    // No other try helps.
    if (isRefusal(error)) refuse(error);
  };
  redis.on('error', keep);
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      readInfo(redis),
      refused,
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
      })
    ]);
  } catch (error) {
    const reason = lastError ?? error;
    const remedy = isRefusal(reason)
      ? 'give the user and the password that it asks for, as in redis://user:password@…'
      : 'start it, or pass another url';
    throw new UnfitServerError(server, `${errorText(reason)}; ${remedy}`, { cause: reason });
  } finally {
    clearTimeout(timer);
    redis.off('error', keep);
  }
}

/** Whether it is there, and does not let this user in. */
function isRefusal(error: unknown): boolean {
  return /^(NOAUTH|WRONGPASS|NOPERM)\b/.test(errorText(error));
}

async function readInfo(redis: Redis): Promise<string> {
  if (redis.status !== 'ready') {
    await new Promise<void>((resolve) => redis.once('ready', () => resolve()));
  }
  return redis.info();
}

/** Anything that is no version counts as old. */
function isOlder(version: string, [major, minor]: readonly [number, number]): boolean {
  const [foundMajor = NaN, foundMinor = NaN] = version.split('.').map(Number);
  return !(foundMajor > major || (foundMajor === major && foundMinor >= minor));
}
