import type { RecordedStep, Recording } from '../../recording/recording.ts';
import { clockTime, duration, words } from '../format.ts';

/** One step in the life of a task. */
export interface LifeStep {
  /** Turns that have been taken once it is there: where a replay has to be to show it. */
  readonly turns: number;
  /** Epoch ms. */
  readonly at: number;
  readonly from: string | null;
  readonly to: string;
  /** Ms in `from`; `null` for the first. */
  readonly after: number | null;
  /** Why, in words; empty where the state says all. */
  readonly why: string;
}

/** All that a recording has of one task, in order. @param task - Its number in `recording.tasks`. */
export function lifeOf(recording: Recording, task: number): LifeStep[] {
  const life: LifeStep[] = [];
  for (const [index, { at, steps }] of recording.turns.entries()) {
    for (const step of steps) {
      if (step.machine !== 'task' || step.subject !== task) continue;
      const before = life.at(-1);
      life.push({
        turns: index + 1,
        at,
        from: step.from,
        to: step.to,
        after: before === undefined ? null : at - before.at,
        why: whyOf(step, at)
      });
    }
  }
  return life;
}

/** Numbers of the tasks whose key has `text` in it, whatever its case; those that begin with it first. At most `limit`. */
export function findTasks({ tasks }: Recording, text: string, limit: number): number[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return [];
  const first: number[] = [];
  const others: number[] = [];
  for (const [number, { key }] of tasks.entries()) {
    const at = key.toLowerCase().indexOf(wanted);
    if (at === 0) first.push(number);
    else if (at > 0 && others.length < limit) others.push(number);
    if (first.length === limit) break;
  }
  return [...first, ...others].slice(0, limit);
}

function whyOf({ event, to, detail }: RecordedStep, at: number): string {
  const told = detail?.error ?? detail?.reason;
  const cause = [causes[event ?? ''], told].filter((part) => part !== undefined && part !== '').join(': ');
  if (to === 'dispatched') {
    const attempt = detail?.attempt === undefined ? '' : `attempt ${detail.attempt}`;
    return [attempt, detail?.workerId === undefined ? '' : `to ${detail.workerId}`].join(' ').trim();
  }
  if (to !== 'backingOff' || detail?.retryAt === undefined) return cause;
  return `${cause}; tried again in ${duration(Math.max(0, detail.retryAt - at))}, at ${clockTime(detail.retryAt)}`;
}

/** What events mean to somebody who wonders why. */
const causes: Readonly<Record<string, string>> = {
  'attempt.failed': 'the attempt failed',
  'attempt.timedOut': 'the attempt took too long',
  'attempt.lost': 'its worker or process was lost',
  'attempt.released': 'given back',
  'task.cancel': 'somebody cancelled it',
  'task.due': 'its time came',
  'dependency.failed': 'a task that it depends on did not complete',
  'dependencies.completed': 'all that it depends on completed',
  'grace.ended': 'its grace ended'
};

/** `running, after 1.2 s backing off`. */
export function stepTitle({ to, from, after }: LifeStep): string {
  return from === null || after === null
    ? words(to)
    : `${words(to)}, after ${duration(after)} ${words(from)}`;
}
