import type { WorkerInfo } from '../agents/workerViews.ts';
import { table } from '../validation/table.ts';
import { printable } from './terminal.ts';

const header = ['WORKER', 'STATUS', 'HOLDS', 'AT ONCE', 'AHEAD', 'COMPLETED', 'FAILED', 'TAGS', 'TYPES'];

/** The workers of a fleet, a line each; below them why some are given nothing. */
export function workerTable(workers: readonly WorkerInfo[]): string {
  if (workers.length === 0) return 'There are no workers.\n';
  const problems = workers.flatMap(({ id, problem }) =>
    problem === undefined ? [] : [`${printable(id)} is given nothing: ${printable(problem)}\n`]
  );
  return table([header, ...workers.map(row)], (column) => column >= 2 && column <= 6) + problems.join('');
}

function row(worker: WorkerInfo): string[] {
  const { id, status, taskIds, concurrency, prefetch = 0, completed, failed, tags, types } = worker;
  return [
    printable(id),
    status,
    ...[taskIds.length, concurrency, prefetch, completed, failed].map(String),
    tags.length === 0 ? '-' : printable(tags.join(',')),
    types === undefined ? 'all' : printable(types.join(','))
  ];
}
