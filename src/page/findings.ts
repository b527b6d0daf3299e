import { activeTasks, waitingTasks } from '../../machines/batch.ts';
import type { Frame } from '../dashboard/frame.ts';
import { count, duration, plural } from './format.ts';

/** One thing to know about a fleet, in a sentence. */
export interface Finding {
  /** Name of a colour: `bad` needs somebody, `warn` is why something waits, `now` goes on, `good` needs nothing. */
  readonly kind: 'bad' | 'warn' | 'now' | 'good';
  readonly text: string;
}

/**
 * What a fleet is doing, and what holds it up: what somebody who has never seen it has to know first.
 *
 * @param completedPerSecond - `null`: not known.
 * @returns The gravest first; at least one.
 */
export function findingsOf(frame: Frame, completedPerSecond: number | null): Finding[] {
  const { tasks } = frame;
  const [active, waiting] = [activeTasks(tasks), waitingTasks(tasks)];
  const ways = [...holdUps(frame, waiting)];
  if (active > 0) ways.push({ kind: 'now', text: progressText(frame, active, completedPerSecond) });
  if (ways.length > 0) return ways;
  if (waiting > 0) return [{ kind: 'now', text: `${plural(waiting, 'task')} about to start.` }];
  return [
    {
      kind: 'good',
      text: frame.totals.totalTasks === 0 ? 'No task yet.' : 'Nothing to do: all tasks have settled.'
    }
  ];
}

function* holdUps(frame: Frame, waiting: number): Generator<Finding> {
  const { tasks, workerStates } = frame;
  const hasWorker = ['idle', 'busy', 'spawning'].some((state) => (workerStates[state] ?? 0) > 0);
  const silent = workerStates.unresponsive ?? 0;
  const held = heldByPause(frame);
  const isOver = isEnded(frame);
  if (isOver && waiting > 0)
    yield { kind: 'warn', text: `The fleet has ended; ${plural(waiting, 'task')} left for its next start.` };
  if (isOver) return;
  if (frame.isPaused)
    yield {
      kind: 'warn',
      text: `The fleet is paused: nothing starts until it is resumed; ${plural(waiting, 'task')} waiting.`
    };
  else if (waiting > 0 && !hasWorker)
    yield { kind: 'bad', text: `No worker: ${plural(waiting, 'task')} waiting. ${remedyOf(frame)}` };
  if (silent > 0) yield { kind: 'bad', text: `${plural(silent, 'worker')} not responding.` };
  if (held.batches > 0)
    yield {
      kind: 'warn',
      text: `${plural(held.batches, 'batch', 'batches')} paused, ${plural(held.tasks, 'task')} held by that.`
    };
  if (tasks.backingOff > 0)
    yield {
      kind: 'warn',
      text: `${plural(tasks.backingOff, 'task')} failed and waiting for the next attempt.`
    };
  if (activeTasks(tasks) > 0 || frame.isPaused || !hasWorker) return;
  const queued = tasks.queued - held.tasks;
  if (queued > 0 && (workerStates.idle ?? 0) > 0)
    yield {
      kind: 'warn',
      text: `${plural(queued, 'task')} queued beside idle workers: tags or limits of types hold them.`
    };
  if (tasks.blocked > 0)
    yield { kind: 'warn', text: `${plural(tasks.blocked, 'task')} blocked by tasks that they depend on.` };
  if (tasks.scheduled > 0)
    yield { kind: 'now', text: `${plural(tasks.scheduled, 'task')} scheduled for later.` };
}

function remedyOf({ maxWorkers }: Frame): string {
  return maxWorkers === null ? 'Start one.' : 'Scale the fleet up.';
}

/** `12 tasks running, 434 queued: about 23 s at this rate.` */
function progressText(frame: Frame, active: number, completedPerSecond: number | null): string {
  const queued = Math.max(0, frame.tasks.queued - heldByPause(frame).tasks);
  const running = `${plural(active, 'task')} running`;
  if (queued === 0) return `${running}, none queued.`;
  const seconds = Math.round(queued / (completedPerSecond ?? 0));
  if (!Number.isFinite(seconds) || seconds === 0) return `${running}, ${count(queued)} queued.`;
  return `${running}, ${count(queued)} queued: about ${duration(1_000 * seconds)} at this rate.`;
}

function heldByPause({ batches, tasks }: Frame): { readonly batches: number; readonly tasks: number } {
  const paused = batches.filter(({ status }) => status === 'paused');
  const held = paused.reduce((sum, { queuedTasks }) => sum + queuedTasks, 0);
  return { batches: paused.length, tasks: Math.min(held, tasks.queued) };
}

function isEnded({ active }: Frame): boolean {
  return (active.fleet ?? []).some((path) =>
    ['operation.stopped', 'operation.failed', 'stopped', 'failed'].includes(path)
  );
}
