import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addCounts, isClean, noCounts, type Counts } from '../counts.ts';
import { SeededRandom } from '../../src/testing/seededRandom.ts';
import { crashPoints, type CrashPoint } from './crashPoints.ts';
import { dealEndings, nameOf, type Ending } from './endings.ts';
import type { Fault } from './faults.ts';
import type { Entry } from './log.ts';
import { StoreTrial } from './storeTrial.ts';

/** Stores that are worked on at once. */
const lanes = 2;

export interface ChaosOptions {
  /** Processes in all. */
  readonly cycles: number;
  readonly seed: number;
  /** What is broken on purpose. Defaults to nothing. */
  readonly fault?: Fault;
  /** How long a process may take to come to its end, ms. Defaults to 30,000. */
  readonly patienceMs?: number;
  /** Told after each store. */
  readonly onProgress?: (report: ChaosReport) => void;
}

export interface ChaosReport {
  readonly cycles: number;
  readonly stores: number;
  readonly counts: Counts;
  /** Broken promises that the counts have no name for. */
  readonly wrong: number;
  /** How often processes were to end in each way. */
  readonly dealt: ReadonlyMap<string, number>;
  /** How often they were killed at each crash point; the difference did not come to it in their life. */
  readonly hits: ReadonlyMap<CrashPoint, number>;
  /** Of stores that were not as promised: what was wrong, and how it came to it. */
  readonly stories: readonly string[];
}

export function isKept({ counts, wrong }: ChaosReport): boolean {
  return isClean(counts) && wrong === 0;
}

/** Starts, kills and stops processes on stores, and judges each store when its last process has ended. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { cycles, seed, fault = null, patienceMs = 30_000, onProgress } = options;
  const random = new SeededRandom(seed);
  const tally = new Tally();
  let firstCycle = 1;
  const stores = dealEndings(cycles, random).map((endings) => {
    const store = { endings, firstCycle, seed: random.integer(1, 2 ** 31 - 1), fault, patienceMs };
    firstCycle += endings.length;
    return store;
  });
  const waiting = stores.values();
  const work = async (): Promise<void> => {
    for (const store of waiting) {
      await runStore(store, tally);
      onProgress?.(tally.report);
    }
  };
  await Promise.all(Array.from({ length: lanes }, work));
  return tally.report;
}

type StoreOptions = Omit<ConstructorParameters<typeof StoreTrial>[0], 'folder'>;

async function runStore(options: StoreOptions, tally: Tally): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'xstate-fleet-chaos-'));
  try {
    const trial = new StoreTrial({ ...options, folder });
    const { counts, wrong, problems } = await trial.run();
    const { entries } = trial;
    tally.add(options.endings, entries, counts, wrong);
    if (problems.length > 0) tally.addStory(storyOf(options, entries, problems));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

class Tally {
  #cycles = 0;
  #stores = 0;
  #counts = noCounts;
  #wrong = 0;
  readonly #dealt = new Map<string, number>(crashPoints.map((point) => [point, 0]));
  readonly #hits = new Map<CrashPoint, number>(crashPoints.map((point) => [point, 0]));
  readonly #stories: string[] = [];

  get report(): ChaosReport {
    return {
      cycles: this.#cycles,
      stores: this.#stores,
      counts: this.#counts,
      wrong: this.#wrong,
      dealt: this.#dealt,
      hits: this.#hits,
      stories: this.#stories
    };
  }

  add(endings: readonly Ending[], entries: readonly Entry[], counts: Counts, wrong: number): void {
    this.#cycles += endings.length;
    this.#stores += 1;
    this.#counts = addCounts(this.#counts, counts);
    this.#wrong += wrong;
    for (const ending of endings) {
      const name = nameOf(ending);
      this.#dealt.set(name, (this.#dealt.get(name) ?? 0) + 1);
    }
    for (const entry of entries) {
      if (entry.type === 'crashed') this.#hits.set(entry.point, this.#hits.get(entry.point)! + 1);
    }
  }

  addStory(story: string): void {
    this.#stories.push(story);
  }
}

/** The problems of a store and its log: what was asked and answered, how processes ended, and the tasks concerned. */
function storyOf(
  { seed, firstCycle, endings }: StoreOptions,
  entries: readonly Entry[],
  problems: readonly { readonly count: string; readonly text: string; readonly key?: string }[]
): string {
  const keys = new Set(problems.flatMap(({ key }) => key ?? []));
  const told = entries.filter((entry) => !('key' in entry) || keys.has(entry.key));
  return [
    `Store of cycles ${firstCycle} to ${firstCycle + endings.length - 1}, seed ${seed}:`,
    ...problems.map(({ count, text }) => `  ${count}: ${text}`),
    ...told.map((entry) => `    ${JSON.stringify(entry)}`)
  ].join('\n');
}
