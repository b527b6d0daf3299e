import { afterAll } from 'vitest';
import { startPostgres } from './postgres.ts';
import { ServerUnavailableError } from './program.ts';
import type { Server } from './serverProcess.ts';

/**
 * A PostgreSQL for the tests of a file, ended after them; `null`, with the reason printed, where none can be had.
 */
export async function postgresForTests(): Promise<Server | null> {
  try {
    const server = await startPostgres({ mayFetch: false });
    afterAll(() => server.stop());
    return server;
  } catch (error) {
    if (!(error instanceof ServerUnavailableError)) throw error;
    console.log(`skipped: ${error.message}`);
    return null;
  }
}
