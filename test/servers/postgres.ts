import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { chown, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ControlledServer } from './controlledServer.ts';
import { findProgram, type ProgramOptions } from './program.ts';
import { freePort, ServerProcess, type Server, type User } from './serverProcess.ts';

/** Debian's `nobody`. PostgreSQL refuses to run as root. */
const nobody: User = { uid: 65_534, gid: 65_534 };

/** Debian keeps each version in a folder of its own, none of them in PATH. */
const debianRoot = '/usr/lib/postgresql';

const clusterOptions = ['-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--no-locale', '--no-sync'];

/**
 * Starts a PostgreSQL of its own, with a new cluster and the database `postgres`. Every commit is synced, as by default;
 * it has memory and log enough that no checkpoint falls into a short run.
 *
 * @throws {ServerUnavailableError} where there is no `postgres`.
 */
export async function startPostgres(options: Pick<ProgramOptions, 'mayFetch'> = {}): Promise<Server> {
  const program = await findProgram('postgres', {
    folders: debianFolders(),
    debianPackage: 'postgresql',
    ...options
  });
  const user = process.getuid?.() === 0 ? nobody : undefined;
  const env = { ...process.env, ...program.env };
  const run = promisify(execFile);
  const { stdout } = await run(program.path, ['--version'], { env });
  const folder = await mkdtemp(join(tmpdir(), 'postgres-'));
  if (user) await chown(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const port = await freePort();
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: '256MB',
    max_wal_size: '4GB'
  };
  return ControlledServer.start({
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    version: /\d+(\.\d+)*/.exec(stdout)?.[0] ?? 'unknown',
    folder,
    data,
    async create() {
      const initdb = join(dirname(program.path), 'initdb');
      await run(initdb, ['-D', data, ...clusterOptions], { env, cwd: '/', ...user });
    },
    launch: () =>
      ServerProcess.start(program, {
        args: [
          '-D',
          data,
          ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
        ],
        readyText: 'ready to accept connections',
        user,
        // Ends the sessions of clients, and syncs.
        stopSignal: 'SIGINT'
      })
  });
}

function debianFolders(): readonly string[] {
  try {
    const versions = readdirSync(debianRoot).toSorted((left, right) => Number(right) - Number(left));
    return versions.map((version) => join(debianRoot, version, 'bin'));
  } catch {
    return []; // there is no PostgreSQL of Debian
  }
}
