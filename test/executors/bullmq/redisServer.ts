import { afterAll, beforeAll } from 'vitest';
import { ServerUnavailableError } from '../../servers/program.ts';
import { startRedis } from '../../servers/redis.ts';
import type { Server } from '../../servers/serverProcess.ts';

/** A Redis that the tests of a file share; where none can be had each of them is skipped, and says why. */
export interface SharedRedis {
  /** @param skip - Of the test that asks. */
  url(skip: (reason: string) => never): string;
}

export function sharedRedis(): SharedRedis {
  let server: Server | undefined;
  let reason = '';
  beforeAll(async () => {
    try {
      server = await startRedis({ mayFetch: false });
    } catch (error) {
      if (!(error instanceof ServerUnavailableError)) throw error;
      reason = error.message;
      console.log(`skipped: ${reason}`);
    }
  });
  afterAll(() => server?.stop());
  return { url: (skip) => server?.url ?? skip(reason) };
}
