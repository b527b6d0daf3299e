import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryStore } from '../../src/index.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import type { HarnessOptions } from '../options.ts';
import { SeededRandom } from '../../src/testing/seededRandom.ts';
import type { Call } from './call.ts';
import { calls } from './calls.ts';
import { damage } from './damage.ts';
import { startHostileFleet, type HostileFleet } from './hostileFleet.ts';
import type { HostileReport } from './report.ts';
import { fileProblem } from './taskFiles.ts';
import { endingOf, longestMs, problemOfRefusal } from './verdict.ts';

/** Inputs after which the fleets begin anew: what was cancelled in them takes memory. */
const inputsPerFleet = 5_000;

/**
 * Draws inputs, most of them damaged, and throws them at the API over both stores and at the reader of task files.
 *
 * The same input has to end alike over both stores. Each is either taken and reads back as it was, or refused by a
 * typed error that names the argument, and nothing of it is written; none hangs, and nothing else of the process is
 * changed.
 *
 * @param mostMs - How long an input may take; then it counts as a hang.
 */
export async function hostileRun(
  { amount, seed }: HarnessOptions,
  mostMs = longestMs
): Promise<HostileReport> {
  const report: HostileReport = { tried: amount, accepted: 0, refused: new Map(), violations: [] };
  const folder = await mkdtemp(join(tmpdir(), 'hostile-'));
  let current = '';
  const unhandled: string[] = [];
  const note = (error: unknown): void => void unhandled.push(`${current}: ${String(error)}`);
  process.on('unhandledRejection', note);
  try {
    for (let from = 0; from < amount; from += inputsPerFleet) {
      await using memory = await startHostileFleet(memoryStore());
      const path = join(folder, `${from}.db`);
      await using sqlite = await startHostileFleet(sqliteStore(path, { durability: 'none' }));
      for (let index = from; index < Math.min(amount, from + inputsPerFleet); index++) {
        const input = new Input(seed + index, [memory, sqlite], folder, mostMs);
        current = input.name;
        const problem = (await input.throw(report)) ?? pollution() ?? unhandled.shift() ?? null;
        if (problem === null) continue;
        report.violations.push({ seed: seed + index, target: input.name, damage: input.damage, problem });
      }
    }
  } finally {
    process.off('unhandledRejection', note);
    await rm(folder, { recursive: true, force: true });
  }
  return report;
}

/** One input: what it is follows from its seed alone. */
class Input {
  readonly name: string;
  damage: readonly string[] = [];
  readonly #seed: number;
  readonly #call: Call | null;
  readonly #fleets: readonly HostileFleet[];
  readonly #folder: string;
  readonly #mostMs: number;

  constructor(seed: number, fleets: readonly HostileFleet[], folder: string, mostMs: number) {
    const random = begin(seed);
    this.#seed = seed;
    this.#fleets = fleets;
    this.#folder = folder;
    this.#mostMs = mostMs;
    this.#call = random.chance(0.2) ? null : random.pick(calls);
    this.name = this.#call?.name ?? 'task file';
  }

  /** @returns What went wrong; `null`: nothing. */
  async throw(report: HostileReport): Promise<string | null> {
    if (this.#call === null) {
      const random = this.#random();
      return fileProblem(
        random,
        this.#fleets[0]!,
        this.#folder,
        report,
        this.#mostMs,
        (damage) => (this.damage = damage)
      );
    }
    const ends: string[] = [];
    for (const fleet of this.#fleets) {
      const end = await this.#throwAt(fleet, this.#call);
      if ('problem' in end) return end.problem;
      ends.push(end.code);
    }
    if (new Set(ends).size > 1) return `ends otherwise in memory and on SQLite: ${ends.join(' and ')}`;
    const [code = ''] = ends;
    if (code === 'accepted') report.accepted += 1;
    else report.refused.set(code, (report.refused.get(code) ?? 0) + 1);
    return null;
  }

  async #throwAt(fleet: HostileFleet, call: Call): Promise<{ code: string } | { problem: string }> {
    const random = this.#random();
    const args = call.arguments(random, `input ${this.#seed}`);
    // Some are left as they are: those have to be taken.
    this.damage = random.chance(0.05) ? [] : damage(args, random);
    const turn = await fleet.quietTurn();
    const ending = await endingOf(async () => call.run(fleet, args), this.#mostMs);
    if (ending.status === 'hung') return { problem: `took ${Math.round(ending.ms)} ms, or more` };
    if (ending.status === 'accepted') {
      fleet.isQuiet = false;
      const problem = (await call.check?.(fleet, args, ending.reply as never)) ?? null;
      return problem === null ? { code: 'accepted' } : { problem: `was taken, but not ${problem}` };
    }
    const { error } = ending;
    // What a stream throws of itself is passed on as it is, and what came before it may have been written.
    const isStream =
      call.name === 'submitBatch(iterable)' || (call.name === 'submitBatch(array)' && !isArray(args[0]));
    if (isStream && error instanceof Error && error.message === 'hostile')
      return { code: 'thrown by a stream' };
    const problem = problemOfRefusal(error);
    if (problem !== null) return { problem };
    if (this.damage.length === 0 && call.check)
      return { problem: `refused a good call: ${(error as Error).message}` };
    if (!isStream && (await fleet.turn()) !== turn)
      return { problem: 'was refused, but something was written' };
    if (isStream) fleet.isQuiet = false;
    const { code } = error as { code: string };
    // How long a wait is decides which of the two is first.
    return { code: code === 'ERR_TIMEOUT' ? 'ERR_NOT_FOUND' : code };
  }

  /** Draws of the input: not those that chose its call. */
  #random(): SeededRandom {
    return begin(this.#seed + 0.5);
  }
}

function isArray(value: unknown): boolean {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/** Seeds in a row begin alike: they are spread, and the first draws are thrown away. */
function begin(seed: number): SeededRandom {
  const random = new SeededRandom(Math.imul(seed * 2, 0x9e_37_79_b1));
  for (let draws = 0; draws < 16; draws++) random.next();
  return random;
}

const ownOfObject = Object.getOwnPropertyNames(Object.prototype).length;

function pollution(): string | null {
  return Object.getOwnPropertyNames(Object.prototype).length === ownOfObject
    ? null
    : 'changed Object.prototype';
}
