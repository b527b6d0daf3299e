import type { RecordingSummary } from '../recording/recordingSummary.ts';
import { table } from '../validation/table.ts';
import { durationText, shortDurationText } from './duration.ts';
import { printable } from './terminal.ts';

/** What is said of how a recording ends. */
const endings = {
  stopped: 'stopped',
  running: 'not stopped: it still runs, or was killed',
  torn: 'cut at its end by a kill or a full disk: what is before is whole'
} as const;

/** The figures of a recording, for people. */
export function recordingText(summary: RecordingSummary): string {
  return [
    overview(summary),
    tasksOf(summary),
    unfinishedOf(summary),
    retriesOf(summary),
    failuresOf(summary),
    commitsOf(summary)
  ]
    .filter((part) => part !== '')
    .join('\n');
}

function overview({ fleet, sessions, startedAt, endedAt, ending, turns, steps }: RecordingSummary): string {
  const span = durationText(endedAt - startedAt);
  const processes = sessions === 1 ? '' : ` in ${sessions} sessions`;
  return (
    `Fleet ${printable(fleet)}: ${turns} turns, ${steps} steps in ${span}${processes}, ` +
    `from ${timeText(startedAt)}; ${endings[ending]}.\n`
  );
}

function tasksOf({ tasks, tasksBefore }: RecordingSummary): string {
  const rows = Object.entries(tasks).filter(([state, count]) => count !== 0 || tasksBefore[state] !== 0);
  if (rows.length === 0) return '';
  return table(
    [
      ['TASKS', 'AT THE END', 'BEFORE'],
      ...rows.map(([state, count]) => [state, String(count), String(tasksBefore[state] ?? 0)])
    ],
    (column) => column > 0
  );
}

/** Where to look first when nothing goes on. */
function unfinishedOf({ unfinished, endedAt }: RecordingSummary): string {
  if (unfinished.length === 0) return '';
  return table(
    [
      ['UNFINISHED', 'STATE', 'FOR', 'ATTEMPT', 'WORKER'],
      ...unfinished.map(({ key, state, since, attempt, workerId }) => [
        printable(key),
        state,
        durationText(Math.max(0, endedAt - since)),
        attempt === 0 ? '' : String(attempt),
        printable(workerId ?? '')
      ])
    ],
    (column) => column === 2 || column === 3
  );
}

function retriesOf({ retries, retriedAttempts }: RecordingSummary): string {
  if (retries.length === 0) return '';
  const rest = retriedAttempts - retries.length;
  return (
    table(
      [
        ['RETRIED', 'ATTEMPT', 'AFTER', 'WORKER', 'WHY'],
        ...retries.map(({ key, attempt, delayMs, workerId, event, error }) => [
          printable(key),
          String(attempt),
          shortDurationText(delayMs),
          printable(workerId ?? ''),
          whyText(event, error)
        ])
      ],
      (column) => column === 1 || column === 2
    ) + (rest > 0 ? `and ${rest} more retries\n` : '')
  );
}

function failuresOf({ failures, tasks }: RecordingSummary): string {
  if (failures.length === 0) return '';
  const rest = (tasks['failed'] ?? 0) + (tasks['timedOut'] ?? 0) - failures.length;
  return (
    table(
      [
        ['FAILED', 'ATTEMPT', 'WORKER', 'WHY'],
        ...failures.map(({ key, attempt, workerId, event, error }) => [
          printable(key),
          String(attempt),
          printable(workerId ?? ''),
          whyText(event, error)
        ])
      ],
      (column) => column === 1
    ) + (rest > 0 ? `and ${rest} more that failed\n` : '')
  );
}

function commitsOf({ slowestCommits }: RecordingSummary): string {
  if (slowestCommits.length === 0) return '';
  return table(
    [
      ['SLOWEST COMMITS', 'MS', 'STEPS', 'AT'],
      ...slowestCommits.map(({ turn, commitMs, steps, at }) => [
        `turn ${turn}`,
        commitMs.toFixed(1),
        String(steps),
        timeText(at)
      ])
    ],
    (column) => column === 1 || column === 2
  );
}

/** ISO 8601, in UTC. */
export function timeText(at: number): string {
  return new Date(at).toISOString();
}

/** What happened to an attempt, and the first line of its error. */
export function whyText(event: string, error: string): string {
  const [line = ''] = error.split('\n', 1);
  const text = printable(line);
  const short = text.length > 100 ? `${text.slice(0, 99)}…` : text;
  const what = event === 'attempt.timedOut' ? 'timed out' : event === 'attempt.lost' ? 'lost' : 'failed';
  return short === '' ? what : `${what}: ${short}`;
}
