import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** A program of a server, and what its processes need in their environment. */
export interface Program {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface ProgramOptions {
  /** Folders to look into beside those of PATH, the best first. Default to none. */
  readonly folders?: readonly string[];
  /** The package of Debian that has the program. */
  readonly debianPackage: string;
  /** Whether a package may be fetched. Otherwise one that was fetched before is still used. Defaults to `true`. */
  readonly mayFetch?: boolean;
}

/** A server cannot be had on this machine; the message says why, in words for a report. */
export class ServerUnavailableError extends Error {
  readonly code = 'ERR_SERVER_UNAVAILABLE';

  constructor(program: string, reason: string, options?: ErrorOptions) {
    super(`${program} cannot be had: ${reason}`, options);
    this.name = 'ServerUnavailableError';
  }
}

/**
 * Finds a program: in PATH, in `folders`, or in Debian's package, which is fetched with what it needs and unpacked into
 * a cache of the user. Nothing is installed, and no rights are needed.
 *
 * @throws {ServerUnavailableError} when it is nowhere.
 */
export async function findProgram(name: string, options: ProgramOptions): Promise<Program> {
  const { folders = [] } = options;
  const installed = firstIn([...(process.env['PATH'] ?? '').split(delimiter), ...folders], name);
  if (installed !== null) return { path: installed, env: {} };

  const root = await unpackedPackage(name, options);
  const files = await readdir(root, { recursive: true });
  const libraries = new Set(
    files.filter((path) => /\.so(\.\d+)*$/.test(path)).map((path) => join(root, dirname(path)))
  );
  return {
    path: unpackedFile(`/bin/${name}`, files, root),
    env: { LD_LIBRARY_PATH: [...libraries].join(delimiter) }
  };
}

/**
 * Finds a file that is no program, such as a library to be loaded into one: in `folders`, or in Debian's package as
 * {@link findProgram} does.
 *
 * @returns Its path.
 * @throws {ServerUnavailableError} when it is nowhere.
 */
export async function findFile(name: string, options: ProgramOptions): Promise<string> {
  const installed = firstIn(options.folders ?? [], name);
  if (installed !== null) return installed;
  const root = await unpackedPackage(name, options);
  return unpackedFile(`/${name}`, await readdir(root, { recursive: true }), root);
}

function firstIn(folders: readonly string[], name: string): string | null {
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}

/** @returns The folder that the package is unpacked in, now or before. */
async function unpackedPackage(
  name: string,
  { debianPackage, mayFetch = true }: ProgramOptions
): Promise<string> {
  const root = join(cacheFolder(), debianPackage);
  if (existsSync(root)) return root;
  if (!mayFetch) throw new ServerUnavailableError(name, 'it is not installed, nor unpacked in the cache');
  await fetchPackage(name, debianPackage, root);
  return root;
}

function unpackedFile(end: string, files: readonly string[], root: string): string {
  const file = files.find((path) => `/${path}`.endsWith(end));
  if (file === undefined) throw new ServerUnavailableError(end.slice(1), `there is none in ${root}`);
  return join(root, file);
}

/** Another user than root has to get at it: PostgreSQL does not run as root. */
function cacheFolder(): string {
  const cache =
    process.getuid?.() === 0 ? '/var/cache' : (process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'));
  return join(cache, 'xstate-fleet', 'servers');
}

async function fetchPackage(program: string, debianPackage: string, root: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'packages-'));
  try {
    const missing = await missingPackages(debianPackage);
    await run('apt-get', ['download', '--quiet', ...missing], { cwd: folder });
    const half = `${root}.${process.pid}`;
    await mkdir(half, { recursive: true });
    for (const file of await readdir(folder)) await run('dpkg-deb', ['-x', join(folder, file), half]);
    await rename(half, root).catch(async (error: unknown) => {
      // Another process was faster.
      if (!existsSync(root)) throw error;
      await rm(half, { recursive: true });
    });
  } catch (error) {
    const reason = `it is not installed, and apt-get did not fetch ${debianPackage}: ${firstLine(error)}`;
    throw new ServerUnavailableError(program, reason, { cause: error });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The package and those of its dependencies that are not installed, by a simulation. */
async function missingPackages(debianPackage: string): Promise<readonly string[]> {
  const simulation = ['install', '--simulate', '--no-install-recommends', debianPackage];
  const { stdout } = await run('apt-get', simulation);
  return [...stdout.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name!);
}

const run = promisify(execFile);

function firstLine(error: unknown): string {
  const { stderr, message } = error as Error & { readonly stderr?: string };
  return (stderr?.match(/^E: .*/m)?.[0] ?? message).split('\n')[0]!;
}
