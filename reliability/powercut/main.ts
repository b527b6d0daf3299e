// Cuts the power of fleets, thousands of times, and counts what is missing afterwards of what they had
// acknowledged. At `durability: 'full'` nothing may be. At `'process'`, which promises less, something has to be:
// a harness that found nothing there would find nothing anywhere; but no store may be damaged.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Durability } from '../../src/stores/sqlite/storeFile.ts';
import { formatCounts, isClean } from '../counts.ts';
import { readOptions } from '../options.ts';
import { SeededRandom } from '../../src/testing/seededRandom.ts';
import { cutPower, type CutReport } from './cuts.ts';

/** Of the cuts at `full`, how many there are at `process` for one. */
const processShare = 0.1;

const { amount: cuts, seed } = readOptions('powercut', 'cuts', 2_000);
const memory = '/dev/shm';
const directory = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), 'powercut-'));

try {
  const full = await report('full', cuts);
  const lesser = await report('process', Math.ceil(cuts * processShare));
  if (full.damages.length > 0 || !isClean(full.counts)) fail('Something was lost at full.');
  if (lesser.damages.length > 0) fail('A store was damaged at process.');
  const { lost, ...others } = lesser.counts;
  if (!isClean({ ...others, lost: 0 }))
    fail('Something was wrong at process, beyond what may be lost there.');
  if (lost === 0) fail('Nothing was lost at process: these cuts prove nothing.');
} finally {
  rmSync(directory, { recursive: true });
}

async function report(durability: Durability, count: number): Promise<CutReport> {
  const options = { durability, cuts: count, seed, directory };
  const result = await cutPower(options, new SeededRandom(seed));
  const { counts, recoveries, damages } = result;
  console.log(
    `${durability}: seed ${seed} · cuts ${count} · recoveries ${recoveries} · damaged ${damages.length} · ${formatCounts(counts)}`
  );
  for (const damage of new Set(damages)) console.log(`  ${damage}`);
  return result;
}

function fail(reason: string): void {
  console.error(reason);
  process.exitCode = 1;
}
