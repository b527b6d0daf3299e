import { checkStore, type FleetReport, type StoreReport } from '../stores/sqlite.ts';
import { UsageError } from './failure.ts';
import { isPostgresUrl } from '../stores/postgres/address.ts';
import { findStore } from './storePath.ts';
import { jsonLine, print, printable } from './terminal.ts';

export interface DoctorOptions {
  readonly store?: string;
  readonly json?: boolean;
}

/** `doctor`: checks a store and says what to do. @returns 0 sound, 1 damaged, 2 nothing there to check. */
export async function doctor({ store, json }: DoctorOptions): Promise<number> {
  const path = await findStore(store);
  if (isPostgresUrl(path)) {
    throw new UsageError(
      'doctor checks files; a PostgreSQL server checks its own: run pg_amcheck, and enable data_checksums'
    );
  }
  const report = await checkStore(path);
  await print(json ? jsonLine(report) : textOf(report));
  if (report.condition === 'absent' || report.condition === 'empty') return 2;
  return report.isSound ? 0 : 1;
}

function textOf(report: StoreReport): string {
  const lines = [`Store ${report.path}: ${verdictOf(report)}`];
  if (report.condition === 'older')
    lines.push('An earlier version wrote it; the next fleet that opens it migrates it.');
  if (report.owner) {
    const { name, isAlive } = report.owner;
    lines.push(
      isAlive
        ? `Owned by ${name}.`
        : `Nobody owns it; it was not closed by ${name}. The next fleet goes on from there.`
    );
  }
  if (report.log.bytes > 0)
    lines.push(`Its log has ${countOf(report.log.frames, 'frame')} in ${countOf(report.log.bytes, 'byte')}.`);
  lines.push(...report.fleets.map(lineOf));
  for (const { fleet, problem, remedy } of report.findings) {
    lines.push(`- ${fleet === null ? '' : `Fleet ${fleet}: `}${problem}.`, `What to do: ${remedy}.`);
  }
  if (report.moreFindings > 0) lines.push(`… and ${countOf(report.moreFindings, 'more finding')}.`);
  return lines.map((line) => `${printable(line)}\n`).join('');
}

function verdictOf({ isSound, findings, moreFindings }: StoreReport): string {
  const count = findings.length + moreFindings;
  return isSound ? 'sound.' : `${countOf(count, 'finding')}.`;
}

function lineOf({
  name,
  turn,
  tasks,
  liveTasks,
  batches,
  results,
  agents,
  removedTasks
}: FleetReport): string {
  const counts = [
    `${countOf(tasks, 'task')} (${liveTasks} to run)`,
    countOf(batches, 'batch', 'batches'),
    countOf(results, 'result'),
    countOf(agents, 'agent'),
    ...(removedTasks > 0 ? [`${countOf(removedTasks, 'task')} removed`] : [])
  ];
  return `Fleet ${name}: turn ${turn}, ${counts.join(', ')}.`;
}

function countOf(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
