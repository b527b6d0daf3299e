import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Case, Figures } from './case.ts';
import { cases, type CaseName } from './cases/index.ts';
import { runCase } from './process/runCase.ts';
import { report } from './report.ts';
import { Rounds } from './rounds.ts';
import { Servers } from './servers.ts';

/**
 * `--only <text>`: the cases whose name has it, separated by `;` where there are several. `--rounds <n>`: 5 unless it is
 * said. `--list`: names and settings. A run of all cases is written to `results.md`.
 */
const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '5' },
    list: { type: 'boolean', default: false }
  }
});
const asked = values.only.split(';').map((text) => text.trim().toLowerCase());
const all = Object.keys(cases) as CaseName[];
const names = all.filter((name) => asked.some((text) => name.toLowerCase().includes(text)));
const roundCount = Number(values.rounds);
if (names.length === 0) throw new Error(`No case has "${values.only}" in its name; --list shows them`);
if (!Number.isInteger(roundCount) || roundCount < 1)
  throw new Error(`--rounds is ${values.rounds}, not 1 or more`);

if (values.list) for (const name of names) console.log(`${name}: ${cases[name].settings}`);
else await bench();

async function bench(): Promise<void> {
  const interruption = new AbortController();
  process.once('SIGINT', () => interruption.abort());
  process.once('SIGTERM', () => interruption.abort());
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  try {
    await using servers = new Servers();
    const rounds = new Rounds();
    const notRun = new Map<CaseName, string>();
    // Interleaved, so that a slow minute of the machine falls on all alike.
    for (let round = 1; round <= roundCount; round++) {
      for (const name of names) {
        interruption.signal.throwIfAborted();
        const measured: Case = cases[name];
        if (notRun.has(name) || round > (measured.maxRounds ?? roundCount)) continue;
        try {
          const serverUrl = measured.server === undefined ? '' : await servers.urlOf(measured.server);
          const figures = await runCase(name, { folder, serverUrl }, interruption.signal);
          rounds.add(name, figures);
          console.log(`${round}/${roundCount} ${name}: ${shortly(figures)}`);
        } catch (error) {
          interruption.signal.throwIfAborted();
          notRun.set(name, (error as Error).message.split('\n')[0]!);
          console.error(`${round}/${roundCount} ${name}: ${(error as Error).message}`);
        }
      }
    }
    const serverVersions = await servers.versions();
    const page = report({ names, rounds, roundCount, serverVersions, notRun });
    console.log(`\n${page}`);
    if (names.length === all.length) await writeFile(new URL('results.md', import.meta.url), page);
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    console.error('interrupted: nothing is written');
    process.exitCode = 130;
  } finally {
    await rm(folder, { recursive: true });
  }
}

function shortly(figures: Figures): string {
  return Object.entries(figures)
    .map(([figure, value]) => `${figure} ${value.toFixed(value < 100 ? 2 : 0)}`)
    .join(', ');
}
