import type { AuditResult } from '../license-audit/report.ts';
import { table } from '../license-audit/table.ts';
import type { Member } from './crew.ts';

/** Who audited how many packages, and which packages were begun more than once. */
export function crewReportOf(
  results: readonly AuditResult[],
  members: readonly Member[],
  killed: Member | undefined
): string {
  const workers = table(
    ['worker', '>process', '>packages', ''],
    members.map((member) => [
      member.workerId,
      String(member.pid),
      String(results.filter(({ workerId }) => workerId === member.workerId).length),
      member === killed ? 'killed half way' : ''
    ])
  );
  const again = table(
    ['begun again', '>attempts', 'the last one by'],
    results
      .filter(({ attempts }) => attempts > 1)
      .map(({ taskId, attempts, workerId }) => [taskId, String(attempts), workerId ?? ''])
  );
  return again === '' ? workers : `${workers}\n\n${again}`;
}
