import { Redis } from 'ioredis';

/** Empties a Redis. @param appendfsync - When it syncs its log: before it answers, or once a second. */
export async function prepareRedis(url: string, appendfsync: 'always' | 'everysec'): Promise<void> {
  const client = new Redis(url);
  await client.flushall();
  await client.config('SET', 'appendfsync', appendfsync);
  await client.quit();
}
