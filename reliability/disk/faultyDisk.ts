import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The disk of a process, as far as the files of one store are on it. */
export interface DiskBehaviour {
  /** Of the store: what begins with it is under the influence, but for the `-shm`, which no power cut keeps. */
  readonly path: string;
  /** Where all that happens is appended, for `readDiskLog`. */
  readonly log?: string;
  /** A file for {@link setFault}. */
  readonly control?: string;
}

/** What goes wrong. */
export type DiskFault =
  | {
      readonly call: 'write' | 'sync' | 'open';
      /** `KILL`: SIGKILL before the call. `TEAR`: SIGKILL when half of a write is done. Else it fails so. */
      readonly outcome: 'ENOSPC' | 'EIO' | 'EROFS' | 'EMFILE' | 'KILL' | 'TEAR';
      /** The call that it happens to, counted from now on. Integer >= 1. */
      readonly number: number;
      /** Whether it happens to all that follow too. Defaults to `false`. */
      readonly goesOn?: boolean;
    }
  /** Each sync takes longer by so much. */
  | { readonly syncDelayMs: number };

/** As `make` finds it. */
const compiler = process.env.CC ?? 'cc';
const source = fileURLToPath(new URL('faultyDisk.c', import.meta.url));
const cache = fileURLToPath(new URL('../../node_modules/.cache/faulty-disk/', import.meta.url));

/** Why there is no faulty disk on this machine, and what to do; `null`: there is one. */
export function whyNoFaultyDisk(): string | null {
  if (process.platform !== 'linux') return 'a faulty disk needs Linux (it preloads a library)';
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  if (header.glibcVersionRuntime === undefined) return 'a faulty disk needs a Node that runs on glibc';
  if (existsSync(libraryPath())) return null;
  try {
    execFileSync(compiler, ['--version'], { stdio: 'ignore' });
    return null;
  } catch {
    return 'a faulty disk needs a C compiler: install one as `cc`, or name it in CC (Debian: apt install gcc libc6-dev)';
  }
}

/**
 * The environment of a process that has such a disk. The library is compiled when it is first needed.
 *
 * @throws {Error} what {@link whyNoFaultyDisk} says.
 */
export function faultyDisk({ path, log, control }: DiskBehaviour): NodeJS.ProcessEnv {
  return {
    ...process.env,
    LD_PRELOAD: compile(),
    FAULTY_DISK_PREFIX: path,
    ...(log !== undefined && { FAULTY_DISK_LOG: log }),
    ...(control !== undefined && { FAULTY_DISK_CONTROL: control })
  };
}

/** Has something go wrong from now on, in place of what did before; `null`: nothing any more. */
export function setFault(control: string, fault: DiskFault | null): void {
  if (fault === null) {
    rmSync(control, { force: true });
    return;
  }
  // Under another name first, so that it is never found half written.
  const unfinished = `${control}.unfinished`;
  writeFileSync(unfinished, textOf(fault));
  renameSync(unfinished, control);
}

function textOf(fault: DiskFault): string {
  if ('syncDelayMs' in fault) return `sync DELAY ${fault.syncDelayMs}`;
  return `${fault.call} ${fault.outcome} ${fault.number}${fault.goesOn === true ? '+' : ''}`;
}

function compile(): string {
  const library = libraryPath();
  if (existsSync(library)) return library;
  const reason = whyNoFaultyDisk();
  if (reason !== null) throw new Error(reason);
  mkdirSync(cache, { recursive: true });
  // Under another name first: processes that compile it at the same time never load half of it.
  const unfinished = `${library}.${process.pid}`;
  execFileSync(compiler, ['-shared', '-fPIC', '-O2', '-Wall', '-o', unfinished, source, '-ldl', '-lpthread']);
  renameSync(unfinished, library);
  return library;
}

/** Named by what it was made from, so that a change makes another one. */
function libraryPath(): string {
  const hash = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16);
  return `${cache}faultyDisk-${process.arch}-${hash}.so`;
}
