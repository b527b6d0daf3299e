import type { Cycle } from './campaign.ts';
import type { Problem } from './verdict.ts';

const counts = ['lost', 'duplicated', 'stuck', 'wrong'] as const satisfies readonly Problem['count'][];

/** What became of the tasks, by fault: a table in Markdown, and why some faults were not tried. */
export function tableOf(cycles: readonly Cycle[]): string {
  const ran = cycles.filter(({ skipped }) => skipped === null);
  const names = [...new Set(ran.map(({ row, fault }) => `${row} | ${fault}`))];
  const groups = names
    .sort((left, right) => left.localeCompare(right, 'en', { numeric: true }))
    .map((name) => ran.filter(({ row, fault }) => `${row} | ${fault}` === name));
  const places = [...new Set(ran.map(({ where }) => where))].toSorted();
  const skipped = new Set(
    cycles.flatMap(({ fault, skipped }) => (skipped === null ? [] : `${fault}: ${skipped}`))
  );
  return [
    `| row | fault | cycles | tried | ${counts.join(' | ')} |`,
    `|---|---|---:|---:|${counts.map(() => '---:').join('|')}|`,
    ...groups.map((group) => lineOf(group[0]!.row, group[0]!.fault, group)),
    ...places.map((place) =>
      lineOf(
        '',
        `all, ${place}`,
        ran.filter(({ where }) => where === place)
      )
    ),
    lineOf('', 'all', ran),
    ...(skipped.size > 0 ? ['', 'Not tried:', '', ...[...skipped].map((why) => `- ${why}`)] : [])
  ].join('\n');
}

function lineOf(row: string, name: string, cycles: readonly Cycle[]): string {
  const tried = cycles.reduce((sum, cycle) => sum + cycle.tried, 0);
  const found = counts.map(
    (count) => cycles.flatMap(({ problems }) => problems).filter((problem) => problem.count === count).length
  );
  return `| ${[row, name, cycles.length, tried, ...found].join(' | ')} |`;
}
