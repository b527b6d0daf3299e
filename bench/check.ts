import { readFile, rm, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { yardsticksOf, type Guarded, type GuardName } from './cases/guards.ts';
import { runCase } from './process/runCase.ts';
import { Rounds } from './rounds.ts';

/**
 * Whether a task costs more processor time than it did when `baseline.json` was written, by more than 15 %. `--write`
 * writes it anew.
 *
 * Costs are ratios to yardsticks measured in the same run, since the machine and its other work slow both down. What else
 * runs on it only ever adds: so the least of all rounds counts, and a case that seems to cost more is given more rounds
 * until it does not, or the time is over. A slower fleet stays slower; a noisy minute passes.
 */
const tolerance = 0.15;
const firstRounds = 4;
/** When no further round begins, ms. */
const limitMs = 90_000;

const baselineFile = new URL('baseline.json', import.meta.url);
const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } });

/** By case and yardstick: its processor time per task is so many times that of the yardstick. */
type Costs = Readonly<Record<string, Readonly<Record<string, number>>>>;

const all = Object.keys(yardsticksOf) as Guarded[];
const began = performance.now();
const rounds = new Rounds();
const interruption = new AbortController();
process.once('SIGINT', () => interruption.abort());
process.once('SIGTERM', () => interruption.abort());
const folder = await mkdtemp(join(tmpdir(), 'bench-check-'));
try {
  if (values.write) {
    for (let round = 0; round < 2 * firstRounds && !isOver(); round++) await measure(all);
    await writeFile(baselineFile, `${JSON.stringify(costs(), null, 2)}\n`);
  } else {
    await check(await readBaseline());
  }
} finally {
  await rm(folder, { recursive: true });
}

async function readBaseline(): Promise<Costs> {
  try {
    return JSON.parse(await readFile(baselineFile, 'utf8')) as Costs;
  } catch (error) {
    throw new Error('bench/baseline.json cannot be read: write it with --write', { cause: error });
  }
}

async function check(baseline: Costs): Promise<void> {
  for (let round = 0; round < firstRounds; round++) await measure(all);
  let slower = slowerThan(baseline);
  while (slower.length > 0 && !isOver()) {
    await measure(slower);
    slower = slowerThan(baseline);
  }
  for (const name of all) console.log(verdict(name, baseline));
  if (slower.length === 0) return;
  console.error(
    `bench:check: a task costs over ${100 * tolerance} % more processor time than in bench/baseline.json: ${slower.join('; ')}`
  );
  process.exitCode = 1;
}

function isOver(): boolean {
  return performance.now() - began > limitMs;
}

/** One round of what is given, and of the yardsticks that it is set against. */
async function measure(names: readonly Guarded[]): Promise<void> {
  const yardsticks = new Set<GuardName>(names.flatMap((name) => yardsticksOf[name]));
  for (const name of [...yardsticks, ...names])
    rounds.add(name, await runCase(name, { folder, serverUrl: '' }, interruption.signal));
}

function slowerThan(baseline: Costs): readonly Guarded[] {
  return all.filter((name) => increase(name, baseline) > tolerance);
}

/** By how much more it costs, by the yardstick that says least: one alone may have had a quiet minute. */
function increase(name: Guarded, baseline: Costs): number {
  const now = costs()[name] ?? {};
  const changes = Object.entries(now).map(([yardstick, cost]) => {
    const before = baseline[name]?.[yardstick];
    if (before === undefined)
      throw new Error(`baseline.json lacks ${name} by ${yardstick}: write it with --write`);
    return cost / before - 1;
  });
  return Math.min(...changes);
}

function costs(): Costs {
  const costsOf = (name: Guarded) =>
    yardsticksOf[name].map((yardstick) => [yardstick, Number((least(name) / least(yardstick)).toFixed(3))]);
  return Object.fromEntries(all.map((name) => [name, Object.fromEntries(costsOf(name))]));
}

function least(name: GuardName): number {
  return Math.min(...rounds.valuesOf(name, 'cpuUs'));
}

function verdict(name: Guarded, baseline: Costs): string {
  const change = increase(name, baseline);
  const runs = rounds.valuesOf(name, 'cpuUs').length;
  const percent = `${change < 0 ? '' : '+'}${(100 * change).toFixed(0)} %`;
  return `${change > tolerance ? 'SLOWER' : 'ok'} ${name}: ${least(name).toFixed(1)} µs, ${percent} (${runs} rounds)`;
}
