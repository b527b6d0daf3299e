import type { Executor } from '../executor.ts';
import { errorText } from '../executors/bullmq/errorText.ts';
import { shownPlace } from '../stores/storeAt.ts';
import { UsageError } from './failure.ts';
import { shellWord } from './terminal.ts';

export interface RedisPlace {
  readonly url: string;
  readonly fleet: string;
  readonly prefix: string | undefined;
}

/** Dispatches to the workers that join a fleet over Redis, and how one starts such a worker. @throws {ValidationError} */
export async function openRedis(
  place: RedisPlace
): Promise<{ readonly executor: Executor; readonly workerCommand: string }> {
  const { bullmqExecutor } = await withPeers(() => import('../executors/bullmq/bullmqExecutor.ts'));
  return { executor: bullmqExecutor(place), workerCommand: workerCommandOf(place) };
}

/** Loads what needs packages that may not be installed. @throws {UsageError} naming them. */
export async function withPeers<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new UsageError(`${errorText(error)}; run npm install bullmq ioredis`);
  }
}

/** Without the password of the URL. */
function workerCommandOf({ url, fleet, prefix }: RedisPlace): string {
  const options = [
    ['--redis', shownPlace(url)],
    ...(fleet === 'cli' ? [] : [['--fleet', fleet]]),
    ...(prefix === undefined ? [] : [['--prefix', prefix]])
  ];
  const given = options.map(([name, value]) => `${name} ${shellWord(value!)}`).join(' ');
  return `xstate-fleet worker ${given} --handlers <module>`;
}
