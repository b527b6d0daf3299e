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
  const keep = (error: unknown): void => void (lastError = error);
  redis.on('error', keep);
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      readInfo(redis),
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
      })
    ]);
  } catch (error) {
    const reason = lastError ?? error;
    throw new UnfitServerError(server, `${errorText(reason)}; start it, or pass another url`, {
      cause: reason
    });
  } finally {
    clearTimeout(timer);
    redis.off('error', keep);
  }
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
