import type { Client, ClientConfig } from 'pg';
import { StoreError } from '../../errors.ts';

/** A connection, with what its types leave out: whether it keeps the process alive. */
export interface PostgresClient extends Client {
  ref(): void;
  unref(): void;
}

export type MakeClient = (config: ClientConfig) => PostgresClient;

/** The optional peer dependency. @throws {StoreError} that says what to install. */
export async function loadPostgres(
  load: () => Promise<{ readonly Client: typeof Client }> = () => import('pg')
): Promise<MakeClient> {
  try {
    const { Client } = await load();
    return (config) => new Client(config) as PostgresClient;
  } catch (error) {
    const message = 'postgresStore needs the package pg, which is not installed here: run npm install pg@8';
    throw new StoreError('ERR_STORE_IO', message, 'refused', { cause: error });
  }
}
