import type { AuditResult } from '../license-audit/report.ts';
import { table } from '../license-audit/table.ts';

/** A worker process, as the report names it. */
export interface ReportedWorker {
  readonly workerId: string;
  readonly pid: number;
}

/** Which worker audited how many packages, and which packages took more than one attempt. */
export function workersReportOf(
  results: readonly AuditResult[],
  workers: readonly ReportedWorker[],
  killed: ReportedWorker
): string {
  const again = results.filter(({ attempts }) => attempts > 1);
  return [
    table(
      ['worker', '>process', '>packages', ''],
      workers.map((worker) => [
        worker.workerId,
        String(worker.pid),
        String(results.filter(({ workerId }) => workerId === worker.workerId).length),
        worker === killed ? 'killed half way' : ''
      ])
    ),
    table(
      ['begun again', '>attempts', 'ended by'],
      again.map(({ taskId, attempts, workerId }) => [taskId, String(attempts), workerId ?? ''])
    )
  ]
    .filter((section) => section !== '')
    .join('\n\n');
}
