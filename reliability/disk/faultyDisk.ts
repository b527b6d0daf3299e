import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What a process's disk is to do to the files of one store. All but `path` may be left out. */
export interface DiskBehaviour {
  /** Of the store: what begins with it is under the influence, but for the `-shm`, which no power cut keeps. */
  readonly path: string;
  /** Where all that happens is appended, for {@link readDiskLog}. */
  readonly log?: string;
  /** What goes wrong. */
  readonly fault?: DiskFault;
  /** How long each sync takes at least, ms. */
  readonly delayMs?: number;
  /** A control file: faults and delays happen, and calls are counted, only while it is there. */
  readonly whileExists?: string;
}

export interface DiskFault {
  readonly call: 'write' | 'sync' | 'open';
  /** `KILL`: SIGKILL before the call. `TEAR`: SIGKILL when half of a write is done. Else the call fails so. */
  readonly outcome: 'ENOSPC' | 'EIO' | 'EROFS' | 'EMFILE' | 'KILL' | 'TEAR';
  /** The first call that it happens to. Integer >= 1. */
  readonly from: number;
  /** Whether it happens to all that follow too. */
  readonly goesOn: boolean;
}

const source = fileURLToPath(new URL('faultyDisk.c', import.meta.url));
const cache = fileURLToPath(new URL('../../node_modules/.cache/faulty-disk/', import.meta.url));

/** Why there is no faulty disk on this machine, and what to do; `null`: there is one. */
export function whyNoFaultyDisk(): string | null {
  if (process.platform !== 'linux') return 'a faulty disk needs Linux (it preloads a library)';
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  if (header.glibcVersionRuntime === undefined) return 'a faulty disk needs a Node that runs on glibc';
  if (existsSync(libraryPath())) return null;
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
    return null;
  } catch {
    return 'a faulty disk needs a C compiler: install one as `cc` (Debian: apt install gcc libc6-dev)';
  }
}

/**
 * The environment of a process whose disk behaves so. The library is compiled when it is first needed.
 *
 * @throws {Error} what {@link whyNoFaultyDisk} says.
 */
export function faultyDisk({ path, log, fault, delayMs, whileExists }: DiskBehaviour): NodeJS.ProcessEnv {
  return {
    ...process.env,
    LD_PRELOAD: compile(),
    FAULTY_DISK_PREFIX: path,
    ...(log !== undefined && { FAULTY_DISK_LOG: log }),
    ...(fault && {
      FAULTY_DISK_FAULT: `${fault.call} ${fault.outcome} ${fault.from}${fault.goesOn ? '+' : ''}`
    }),
    ...(delayMs !== undefined && { FAULTY_DISK_DELAY_MS: String(delayMs) }),
    ...(whileExists !== undefined && { FAULTY_DISK_WHILE: whileExists })
  };
}

function compile(): string {
  const library = libraryPath();
  if (existsSync(library)) return library;
  const reason = whyNoFaultyDisk();
  if (reason !== null) throw new Error(reason);
  mkdirSync(cache, { recursive: true });
  // Under another name first: processes that compile it at the same time never load half of it.
  const unfinished = `${library}.${process.pid}`;
  execFileSync('cc', ['-shared', '-fPIC', '-O2', '-Wall', '-o', unfinished, source, '-ldl', '-lpthread']);
  renameSync(unfinished, library);
  return library;
}

/** Named by what it was made from, so that a change makes another one. */
function libraryPath(): string {
  const hash = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16);
  return `${cache}faultyDisk-${process.arch}-${hash}.so`;
}
