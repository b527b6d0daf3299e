import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Durability } from '../../src/stores/sqlite/storeFile.ts';
import { addCounts, noCounts, type Counts } from '../counts.ts';
import type { SeededRandom } from '../../src/testing/seededRandom.ts';
import { examine, examineRecovery, type Examination } from './examination.ts';
import { recordHistory, type History } from './history.ts';
import { PowerlessDisk, type DiskImage } from './powerlessDisk.ts';

export interface CutOptions {
  readonly durability: Durability;
  /** How often the power fails. */
  readonly cuts: number;
  readonly seed: number;
  /** Where files may lie, best in memory. */
  readonly directory: string;
}

/** What became of a fleet whose power failed again and again. */
export interface CutReport {
  /** Of all cuts together: `tried` counts the tasks that had been acknowledged at each. */
  readonly counts: Counts;
  /** Cuts after which a fleet went on until all was settled. */
  readonly recoveries: number;
  /** What could not be opened or read, or was not whole. */
  readonly damages: readonly string[];
}

/** Cuts for each history. */
const cutsPerHistory = 500;
/** One cut of so many is recovered from; the others are read. */
const cutsPerRecovery = 50;

/**
 * Has fleets work, and cuts their power: each fleet's once for each cut, at any point of what it did to its disk.
 *
 * Histories alternate: several short runs, which fill the log of the store a little and end in a checkpoint, and
 * every fourth time a long one, in which the log is written back and begun again while the fleet works.
 */
export async function cutPower(
  { durability, cuts, seed, directory }: CutOptions,
  random: SeededRandom
): Promise<CutReport> {
  const total = { counts: noCounts, recoveries: 0, damages: [] as string[] };
  const add = ({ counts, damage }: Examination, image: DiskImage): void => {
    total.counts = addCounts(total.counts, counts);
    if (damage !== null) total.damages.push(`${damage}; it is kept in ${keep(image)}`);
  };
  for (let done = 0, number = 1; done < cuts; number++) {
    const size = number % 4 === 0 ? { runs: 1, batches: 200 } : { runs: 3, batches: 8 };
    const history = await recordHistory({
      directory: join(directory, 'history'),
      durability,
      seed: seed + number,
      ...size
    });
    const points = pointsOf(history, Math.min(cutsPerHistory, cuts - done), random);
    for (const { image, told } of imagesAt(history, points, random)) {
      add(examine(image, join(directory, 'image'), told), image);
      done += 1;
      if (done % cutsPerRecovery !== 0) continue;
      add(await examineRecovery(image, join(directory, 'image'), told), image);
      total.recoveries += 1;
    }
  }
  return total;
}

/** As it was found: which moments a fleet meets is not fixed by the seed. @returns The folder. */
function keep(image: DiskImage): string {
  const folder = mkdtempSync(join(tmpdir(), 'powercut-damaged-'));
  for (const [name, bytes] of image) writeFileSync(join(folder, name), bytes);
  return folder;
}

/** Numbers of operations after which the power fails, in order. */
function pointsOf({ operations }: History, count: number, random: SeededRandom): number[] {
  // Half of them just before or after something other than a write: most of what happens are writes.
  const turns = operations.flatMap(({ op }, index) => (op === 'write' ? [] : [index]));
  return Array.from({ length: count }, () => {
    if (random.chance(0.5)) return random.integer(0, operations.length);
    return Math.min(operations.length, Math.max(0, random.pick(turns) + random.integer(-2, 3)));
  }).sort((left, right) => left - right);
}

function* imagesAt(
  { operations, acknowledgements }: History,
  points: readonly number[],
  random: SeededRandom
) {
  const disk = new PowerlessDisk();
  let applied = 0;
  let heard = 0;
  for (const point of points) {
    while (applied < point) disk.apply(operations[applied++]!);
    const end = operations[applied - 1]?.end ?? 0;
    while (heard < acknowledgements.length && acknowledgements[heard]!.at <= end) heard += 1;
    yield { image: disk.cut(random), told: acknowledgements.slice(0, heard) };
  }
}
