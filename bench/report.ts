import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { figureTitles, type Case, type Figure, type ServerName } from './case.ts';
import { cases, type CaseName } from './cases/index.ts';
import { goals, lookers, type Goal } from './goals.ts';
import type { Rounds } from './rounds.ts';

export interface Run {
  readonly names: readonly CaseName[];
  readonly rounds: Rounds;
  readonly roundCount: number;
  readonly serverVersions: ReadonlyMap<ServerName, string>;
  /** Why, by the case that was not run. */
  readonly notRun: ReadonlyMap<CaseName, string>;
}

/** The run as a page of Markdown: goals, what looking costs, every case with its settings, and what was not run. */
export function report(run: Run): string {
  const sections = [
    '# Benchmark',
    conditions(run),
    goalTable(run),
    ...lookers.map((names) => lookerTable(names, run)),
    caseTable(run),
    settingsTable(run),
    missing(run)
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
}

function conditions({ roundCount, serverVersions }: Run): string {
  const { dependencies } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  const peers = Object.entries(dependencies).filter(([name]) => name !== 'xstate-fleet');
  const versions = [...peers, ...serverVersions].map(([name, version]) => `${name} ${version}`);
  return [
    `Medians of ${roundCount} interleaved rounds (fewer for what takes long), each case in a process of its own, warm.`,
    `Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}. ${versions.join(', ')}.`,
    'All tasks are async functions that do nothing. A ratio is the median of the ratios of each round; of several peers,',
    'or several settings of one, the best counts. “By processor time” counts the time that the processor was busy in the',
    'process, and so hardly changes when the machine has other work. `npm run bench` measures it all again;',
    '[docs/performance.md](../docs/performance.md) says what the figures mean.'
  ].join('\n');
}

function goalTable(run: Run): string {
  const rows = goals.filter(({ of }) => run.names.includes(of)).map((goal) => goalRow(goal, run));
  return table('Goals', ['work', 'ours', 'beside', 'ratio', 'by processor time', 'goal', 'met'], 1, rows);
}

function goalRow(goal: Goal, { rounds }: Run): readonly string[] {
  const { work, of, figure, against, bound, goal: wanted } = goal;
  const ours = rounds.medianOf(of, figure);
  const best = against && bestOf(goal, rounds);
  const ratio = best && rounds.ratioOf(of, best, figure);
  const reached = against ? ratio : ours;
  const sign = bound === 'at least' ? '≥' : '≤';
  return [
    work,
    withUnit(ours, figure),
    best ? `${best}: ${withUnit(rounds.medianOf(best, figure), figure)}` : '',
    ratio === undefined ? '' : `${ratio.toFixed(2)} ×`,
    best === undefined ? '' : processorRatio(of, best, rounds),
    against ? `${sign} ${wanted} ×` : `${sign} ${withUnit(wanted, figure)}`,
    reached === undefined ? 'not run' : isMet(reached, goal) ? 'yes' : '**no**'
  ];
}

/** Of the peers that were run, the one that is hardest to match. */
function bestOf({ against = [], figure, bound }: Goal, rounds: Rounds): CaseName | undefined {
  const sign = bound === 'at least' ? -1 : 1;
  const run = against.filter((name) => rounds.medianOf(name, figure) !== undefined);
  return run.toSorted(
    (left, right) => sign * (rounds.medianOf(left, figure)! - rounds.medianOf(right, figure)!)
  )[0];
}

/** How many tasks we do for one of theirs in the same time of the processor. That of a server is not known. */
function processorRatio(of: CaseName, best: CaseName, rounds: Rounds): string {
  const peer: Case = cases[best];
  const ratio = peer.server === undefined ? rounds.ratioOf(best, of, 'cpuUs') : undefined;
  return ratio === undefined ? '' : `${ratio.toFixed(2)} ×`;
}

function isMet(reached: number, { bound, goal }: Goal): boolean {
  return bound === 'at least' ? reached >= goal : reached <= goal;
}

function lookerTable([none, ...others]: readonly CaseName[], { names, rounds }: Run): string {
  if (none === undefined || !names.includes(none)) return '';
  const base = rounds.medianOf(none, 'cpuUs') ?? 0;
  const rows = [none, ...others].flatMap((name) => {
    const cost = rounds.medianOf(name, 'cpuUs');
    if (cost === undefined) return [];
    return [[name, cost.toFixed(1), name === none ? '' : (cost - base).toFixed(1)]];
  });
  return table(
    none.startsWith('SQLite') ? 'What a recording costs on SQLite' : 'What looking costs',
    ['who looks', figureTitles.cpuUs, 'more'],
    1,
    rows
  );
}

function caseTable({ names, rounds }: Run): string {
  const shown = ['perSecond', 'cpuUs', 'peakMb', 'blockMs'] as const satisfies readonly Figure[];
  const others = (Object.keys(figureTitles) as Figure[]).filter(
    (figure) => figure !== 'wallUs' && !shown.some((other) => other === figure)
  );
  const rows = names.map((name) => [
    name,
    ...shown.map((figure) => plain(rounds.medianOf(name, figure))),
    others
      .filter((figure) => rounds.medianOf(name, figure) !== undefined)
      .map((figure) => withUnit(rounds.medianOf(name, figure), figure))
      .join('; ')
  ]);
  return table('All cases', ['case', ...shown.map((figure) => figureTitles[figure]), 'others'], 1, rows);
}

function settingsTable({ names }: Run): string {
  const rows = names.map((name) => [name, cases[name].settings]);
  return table('Settings', ['case', 'with'], 2, rows);
}

function missing({ notRun }: Run): string {
  if (notRun.size === 0) return '';
  return table('Not run', ['case', 'why'], 2, [...notRun]);
}

/** @param textColumns - How many of the first columns are text; the others are aligned to the right. */
function table(
  title: string,
  heads: readonly string[],
  textColumns: number,
  rows: readonly (readonly string[])[]
): string {
  if (rows.length === 0) return '';
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const aligned = heads.map((_, column) => (column < textColumns ? '---' : '---:'));
  return [`## ${title}`, '', line(heads), `|${aligned.join('|')}|`, ...rows.map(line)].join('\n');
}

function withUnit(value: number | undefined, figure: Figure): string {
  return value === undefined ? '' : `${plain(value)} ${figureTitles[figure]}`;
}

function plain(value: number | undefined): string {
  if (value === undefined) return '';
  return value.toLocaleString('en', { maximumFractionDigits: Math.abs(value) < 100 ? 1 : 0 });
}
