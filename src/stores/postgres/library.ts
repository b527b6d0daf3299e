import type { Client, ClientConfig } from 'pg';
import { MissingPeerError } from '../../errors.ts';

/** A connection, with what its types leave out: whether it keeps the process alive. */
export interface PostgresClient extends Client {
  ref(): void;
  unref(): void;
}

export type MakeClient = (config: ClientConfig) => PostgresClient;

/** The optional peer dependency. @throws {MissingPeerError} */
export async function loadPostgres(
  load: () => Promise<{ readonly Client: typeof Client }> = () => import('pg')
): Promise<MakeClient> {
  try {
    const { Client } = await load();
    return (config) => new Client(config) as PostgresClient;
  } catch (error) {
    throw new MissingPeerError('pg', 'postgresStore', { cause: error });
  }
}
