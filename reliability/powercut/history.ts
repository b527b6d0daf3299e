import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Durability } from '../../src/stores/sqlite/storeFile.ts';
import { compiledModule } from '../compiled.ts';
import { readDiskLog, type LoggedOperation } from '../disk/diskLog.ts';
import { faultyDisk } from '../disk/faultyDisk.ts';
import type { Acknowledgement } from './acknowledgement.ts';

/** What a fleet did to its disk, and what it acknowledged meanwhile. */
export interface History {
  readonly operations: readonly LoggedOperation[];
  /** In order of `at`. */
  readonly acknowledgements: readonly Acknowledgement[];
}

export interface HistoryOptions {
  /** Where it may work. It is made, and removed again. */
  readonly directory: string;
  readonly durability: Durability;
  readonly seed: number;
  /** How often the fleet is started and stopped. Each stop writes the log back into the database. */
  readonly runs: number;
  /** Batches that each of three callers submits in a run. */
  readonly batches: number;
}

/** Name of the store in its directory. */
export const storeName = 'fleet.db';

const program = new URL('fleetProcess.ts', import.meta.url);

/** Has a real fleet work in a process of its own. @throws {Error} when it fails. */
export async function recordHistory({
  directory,
  durability,
  seed,
  runs,
  batches
}: HistoryOptions): Promise<History> {
  const disk = join(directory, 'disk');
  mkdirSync(disk, { recursive: true });
  try {
    const [path, log, said] = [join(disk, storeName), join(directory, 'log'), join(directory, 'said')];
    await runFleet(faultyDisk({ path, log }), said, [path, durability, seed, runs, batches].map(String));
    const acknowledgements = readFileSync(said, 'utf8').trimEnd().split('\n');
    return {
      operations: readDiskLog(log),
      acknowledgements: acknowledgements.map((line) => JSON.parse(line) as Acknowledgement)
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** @param said - A file for its output: other than a pipe, it is never full. */
async function runFleet(env: NodeJS.ProcessEnv, said: string, args: readonly string[]): Promise<void> {
  const output = openSync(said, 'w');
  const child = spawn(process.execPath, [compiledModule(program), ...args], {
    env,
    stdio: ['ignore', output, 'inherit']
  });
  closeSync(output);
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`The fleet ended with ${code}`);
}
