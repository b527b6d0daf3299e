import { Redis } from 'ioredis';
import pg from 'pg';
import { parentOf, processorUs, treeProcessorUs } from './processor.ts';

/** What a server has used since it was started. */
export interface ServerUsage {
  readonly processorUs: number;
  /** Commands of clients; `null` where nobody counts them. */
  readonly commands: number | null;
  /** What clients have sent and got, bytes; `null` where nobody counts it. */
  readonly networkBytes: number | null;
  /** What it has written to its log, bytes. */
  readonly logBytes: number;
  /** What it holds now, in its memory or on its disk, bytes. */
  readonly heldBytes: number;
}

/** A server that is looked at while others use it. */
export interface MeasuredServer extends AsyncDisposable {
  usage(): Promise<ServerUsage>;
}

export function measuredRedis(url: string): MeasuredServer {
  const redis = new Redis(url);
  return {
    async usage() {
      const info = await redis.info();
      const field = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1]);
      return {
        processorUs: processorUs(field('process_id')),
        commands: field('total_commands_processed'),
        networkBytes: field('total_net_input_bytes') + field('total_net_output_bytes'),
        logBytes: field('aof_current_size'),
        heldBytes: field('used_memory')
      };
    },
    async [Symbol.asyncDispose]() {
      await redis.quit();
    }
  };
}

export async function measuredPostgres(url: string): Promise<MeasuredServer> {
  const client = new pg.Client(url);
  await client.connect();
  const { rows: sessions } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const server = parentOf(sessions[0]!.pid);
  return {
    async usage() {
      const { rows } = await client.query<{ log: string; held: string }>(
        `SELECT pg_current_wal_insert_lsn() - '0/0' AS log, pg_database_size(current_database()) AS held`
      );
      return {
        processorUs: treeProcessorUs(server),
        commands: null,
        networkBytes: null,
        logBytes: Number(rows[0]!.log),
        heldBytes: Number(rows[0]!.held)
      };
    },
    [Symbol.asyncDispose]: () => client.end()
  };
}
