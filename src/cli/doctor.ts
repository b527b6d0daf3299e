import { checkStore, type FleetReport, type StoreReport } from '../stores/sqlite.ts';
import { findStore } from './storePath.ts';
import { jsonLine, print, printable } from './terminal.ts';

export interface DoctorOptions {
  readonly store?: string;
  readonly json?: boolean;
}

/** `doctor`: checks a store and says what to do. @returns 0 sound, 1 damaged, 2 nothing there to check. */
export async function doctor({ store, json }: DoctorOptions): Promise<number> {
  const report = await checkStore(await findStore(store));
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
        : `Nobody owns it. ${name} did not close it; the next fleet goes on from there.`
    );
  }
  if (report.log.bytes > 0)
    lines.push(`Its log has ${report.log.frames} frames in ${report.log.bytes} bytes.`);
  lines.push(...report.fleets.map(lineOf));
  for (const { fleet, problem, remedy } of report.findings) {
    lines.push(`- ${fleet === null ? '' : `Fleet ${fleet}: `}${problem}.`, `What to do: ${remedy}.`);
  }
  if (report.moreFindings > 0) lines.push(`… and ${report.moreFindings} findings more.`);
  return lines.map((line) => `${printable(line)}\n`).join('');
}

function verdictOf({ isSound, findings, moreFindings }: StoreReport): string {
  const count = findings.length + moreFindings;
  return isSound ? 'sound.' : count === 1 ? '1 finding.' : `${count} findings.`;
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
  const removed = removedTasks === 0 ? '' : `, ${removedTasks} tasks removed`;
  return `Fleet ${name}: turn ${turn}, ${tasks} tasks (${liveTasks} to run), ${batches} batches, ${results} results, ${agents} agents${removed}.`;
}
