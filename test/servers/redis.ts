import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram, type ProgramOptions } from './program.ts';
import { freePort, startProcess, type Server } from './serverProcess.ts';

/**
 * Starts a Redis of its own, with an append-only file and no snapshots. Clients choose by `CONFIG SET appendfsync` when
 * that file is synced: `everysec` at first.
 *
 * @throws {ServerUnavailableError} where there is no `redis-server`.
 */
export async function startRedis(options: Pick<ProgramOptions, 'mayFetch'> = {}): Promise<Server> {
  const program = await findProgram('redis-server', { debianPackage: 'redis-server', ...options });
  const { stdout } = await promisify(execFile)(program.path, ['--version'], {
    env: { ...process.env, ...program.env }
  });
  const folder = await mkdtemp(join(tmpdir(), 'redis-'));
  const port = await freePort();
  try {
    const end = await startProcess(program, {
      args: [
        ...['--bind', '127.0.0.1', '--port', String(port), '--dir', folder],
        ...['--appendonly', 'yes', '--save', '']
      ],
      readyText: 'Ready to accept connections',
      stopSignal: 'SIGTERM'
    });
    let stopped: Promise<void> | undefined;
    const stop = (): Promise<void> => (stopped ??= end().then(() => rm(folder, { recursive: true })));
    return {
      url: `redis://127.0.0.1:${port}`,
      version: /v=(\S+)/.exec(stdout)?.[1] ?? 'unknown',
      stop,
      [Symbol.asyncDispose]: stop
    };
  } catch (error) {
    await rm(folder, { recursive: true });
    throw error;
  }
}
