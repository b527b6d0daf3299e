import type { TaskResult } from 'xstate-fleet';
import type { PackageAudit } from './audit.ts';
import { table } from './table.ts';
import { licenceFamilies } from './licences.ts';

export type AuditResult = TaskResult<PackageAudit>;

/** What this run did itself. */
export interface Pace {
  readonly packages: number;
  readonly elapsedMs: number;
}

/** The report for people: licences, what to look at, slowest packages, failures, totals. */
export function reportOf(settled: readonly AuditResult[], { packages, elapsedMs }: Pace): string {
  const results = byPath(settled);
  const audits = results.flatMap(({ result }) => result ?? []);
  const failures = results.filter(({ success }) => !success);
  const { files, bytes } = totalOf(audits);
  const pace = packages === 0 ? '' : `, ${packages} in ${seconds(elapsedMs)} (${rate(packages, elapsedMs)})`;
  const sections = [
    licenceTable(audits),
    remarkTable(results),
    slowestTable(results),
    failureTable(failures),
    `${count(results.length, 'package')}: ${audits.length} audited, ${failures.length} failed; ` +
      `${count(files, 'file')}, ${megabytes(bytes)}${pace}`
  ];
  return sections.filter((section) => section !== '').join('\n\n');
}

/** The results for programs: a JSON object per line, in order of their paths. */
export function jsonLinesOf(results: readonly AuditResult[]): string {
  return byPath(results)
    .map(({ taskId, status, error, duration, attempts, result }) =>
      JSON.stringify({ path: taskId, status, ...result, error, durationMs: duration, attempts })
    )
    .map((line) => `${line}\n`)
    .join('');
}

function byPath(results: readonly AuditResult[]): AuditResult[] {
  return results.toSorted((left, right) => (left.taskId < right.taskId ? -1 : 1));
}

function licenceTable(audits: readonly PackageAudit[]): string {
  const groups = new Map<string, PackageAudit[]>();
  for (const audit of audits) {
    const members = groups.get(audit.licence);
    if (members === undefined) groups.set(audit.licence, [audit]);
    else members.push(audit);
  }
  const rows = [...groups.values()].sort(
    (left, right) => severityOf(right) - severityOf(left) || right.length - left.length
  );
  return table(
    ['licence', 'family', '>packages', '>files', '>size'],
    rows.map((members) => {
      const { files, bytes } = totalOf(members);
      const { licence, family } = members[0]!;
      return [licence, family, String(members.length), String(files), megabytes(bytes)];
    })
  );
}

function severityOf([member]: readonly PackageAudit[]): number {
  return licenceFamilies.indexOf(member!.family);
}

function remarkTable(results: readonly AuditResult[]): string {
  return table(
    ['to look at', ''],
    results.flatMap(({ taskId, result }) => (result?.remarks ?? []).map((remark) => [taskId, remark]))
  );
}

function slowestTable(results: readonly AuditResult[]): string {
  const slowest = results.toSorted((left, right) => right.duration - left.duration).slice(0, 5);
  return table(
    ['slowest', '>took', '>files', '>size'],
    slowest.map(({ taskId, duration, result }) => [
      taskId,
      seconds(duration),
      result ? String(result.files) : '',
      result ? megabytes(result.bytes) : ''
    ])
  );
}

function failureTable(failures: readonly AuditResult[]): string {
  return table(
    ['failed', 'why'],
    failures.map(({ taskId, error, status }) => [taskId, error ?? status])
  );
}

function totalOf(audits: readonly PackageAudit[]): { readonly files: number; readonly bytes: number } {
  return {
    files: audits.reduce((sum, { files }) => sum + files, 0),
    bytes: audits.reduce((sum, { bytes }) => sum + bytes, 0)
  };
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

function rate(packages: number, elapsedMs: number): string {
  return `${Math.round((packages * 1000) / elapsedMs)} packages/s`;
}
