import type { AuditResult } from '../license-audit/report.ts';
import { table } from '../license-audit/table.ts';
import type { Member } from './crew.ts';

/** Who audited how many packages, and which packages were given to a worker more than once. */
export function crewReportOf(
  results: readonly AuditResult[],
  members: readonly Member[],
  killed: Member | undefined
): string {
  const workers = table(
    ['process', 'worker', '>packages', ''],
    members.map((member) => [
      String(member.pid),
      member.workerIds.at(-1) ?? '',
      String(results.filter(({ workerId }) => member.workerIds.includes(workerId ?? '')).length),
      member === killed ? 'killed half way' : ''
    ])
  );
  const again = table(
    ['given to a worker again', '>attempts', 'the last one by'],
    results
      .filter(({ attempts }) => attempts > 1)
      .map(({ taskId, attempts, workerId }) => [taskId, String(attempts), workerId ?? ''])
  );
  return again === '' ? workers : `${workers}\n\n${again}`;
}
