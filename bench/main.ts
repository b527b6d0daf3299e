import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Measurement } from './case.ts';
import { cases } from './cases/index.ts';

/** A row of the report: a case, and the peer or limit that it is set against. */
const rows: readonly { readonly name: string; readonly against: string | null }[] = [
  { name: 'p-queue, concurrency 100', against: null },
  { name: 'fleet in memory, 100 workers', against: 'p-queue, concurrency 100' },
  { name: 'p-queue, concurrency 10', against: null },
  { name: 'fleet in memory, 10 workers', against: 'p-queue, concurrency 10' },
  { name: 'raw SQLite, full, 100 rows per commit', against: null },
  { name: 'fleet on SQLite, full, 100 workers', against: 'raw SQLite, full, 100 rows per commit' },
  { name: 'fleet in memory, a stream of 1,000,000', against: null }
];

const rounds = Number(process.env['ROUNDS'] ?? 5);
const measured = new Map<string, Measurement[]>(Object.keys(cases).map((name) => [name, []]));

// Interleaved, so that a slow minute of the machine falls on all alike; each in a process of its own.
for (let round = 1; round <= rounds; round++) {
  for (const [name, measurements] of measured) {
    const measurement = await runCase(name);
    measurements.push(measurement);
    console.log(`${round}/${rounds} ${name}: ${perSecond(measurement)} tasks/s`);
  }
}

const report = [
  '# Benchmark',
  '',
  `Medians of ${rounds} interleaved runs, each in a process of its own. ` +
    `Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}. ` +
    'All tasks do nothing. “full”: every transaction is synced to the disk before its effect.',
  '',
  '| case | tasks/s | ratio | peak RSS | longest block of the event loop |',
  '|---|---:|---:|---:|---:|',
  ...rows.map(({ name, against }) => {
    const runs = measured.get(name)!;
    const ratio =
      against === null ? '' : `${median(ratios(runs, measured.get(against)!)).toFixed(2)} × ${against}`;
    const lag = name.startsWith('fleet')
      ? `${Math.round(median(runs.map(({ maxLagMs }) => maxLagMs)))} ms`
      : '';
    return `| ${name} | ${median(runs.map(perSecond))} | ${ratio} | ${megabytes(runs)} MB | ${lag} |`;
  }),
  ''
].join('\n');

console.log(`\n${report}`);
await writeFile(new URL('results.md', import.meta.url), report);

async function runCase(name: string): Promise<Measurement> {
  const script = fileURLToPath(new URL('case.ts', import.meta.url));
  const tsconfig = fileURLToPath(new URL('tsconfig.json', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script, name], {
    env: { ...process.env, NODE_ENV: 'production', TSX_TSCONFIG_PATH: tsconfig }
  });
  return JSON.parse(stdout) as Measurement;
}

function perSecond({ tasks, ms }: Measurement): number {
  return Math.round((tasks / ms) * 1_000);
}

/** Run by run, so that both sides of a ratio saw the same machine. */
function ratios(left: readonly Measurement[], right: readonly Measurement[]): number[] {
  return left.map((measurement, index) => perSecond(measurement) / perSecond(right[index]!));
}

function megabytes(runs: readonly Measurement[]): number {
  return Math.round(median(runs.map(({ peakRss }) => peakRss)) / 1e6);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)]!;
}
