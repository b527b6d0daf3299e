import { execFile } from 'node:child_process';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ControlledServer } from './controlledServer.ts';
import { findProgram, type ProgramOptions } from './program.ts';
import { freePort, ServerProcess, type Server } from './serverProcess.ts';

export interface RedisOptions extends Pick<ProgramOptions, 'mayFetch'> {
  /** Whether each write is synced before it is answered. Defaults to `false`: once a second. */
  readonly isSynced?: boolean;
}

/**
 * Starts a Redis of its own, with an append-only file and no snapshots. Clients may choose by `CONFIG SET appendfsync`
 * when that file is synced.
 *
 * @throws {ServerUnavailableError} where there is no `redis-server`.
 */
export async function startRedis({ isSynced = false, ...options }: RedisOptions = {}): Promise<Server> {
  const program = await findProgram('redis-server', { debianPackage: 'redis-server', ...options });
  const { stdout } = await promisify(execFile)(program.path, ['--version'], {
    env: { ...process.env, ...program.env }
  });
  const folder = await mkdtemp(join(tmpdir(), 'redis-'));
  const data = join(folder, 'data');
  const port = await freePort();
  return ControlledServer.start({
    url: `redis://127.0.0.1:${port}`,
    version: /v=(\S+)/.exec(stdout)?.[1] ?? 'unknown',
    folder,
    data,
    async create() {
      await mkdir(data);
    },
    launch: () =>
      ServerProcess.start(program, {
        args: [
          ...['--bind', '127.0.0.1', '--port', String(port), '--dir', data],
          ...['--appendonly', 'yes', '--appendfsync', isSynced ? 'always' : 'everysec', '--save', '']
        ],
        readyText: 'Ready to accept connections',
        stopSignal: 'SIGTERM'
      })
  });
}
