import { noTaskCounts } from '../../machines/batch.ts';
import type { TaskStatus } from '../../machines/task.ts';
import { isHeld } from '../ledger/ledger.ts';
import { taskLifecycle } from '../ledger/lifecycles.ts';
import type { FullStep, Subject } from './recordedSteps.ts';
import { recordedTurns, type FullTurn } from './recordedTurns.ts';
import type { RecordingEnding } from './recording.ts';

/** A recording in figures. */
export interface RecordingSummary {
  readonly fleet: string;
  /** Processes that recorded. */
  readonly sessions: number;
  /** Epoch ms. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly ending: RecordingEnding;
  readonly turns: number;
  readonly steps: number;
  /** Tasks by state at the end, and before the first turn. */
  readonly tasks: Readonly<Record<string, number>>;
  readonly tasksBefore: Readonly<Record<string, number>>;
  /** Attempts that were followed by another one, or are to be. */
  readonly retriedAttempts: number;
  /** The first twenty of them. */
  readonly retries: readonly RecordedRetry[];
  /** The first twenty tasks that failed or timed out. */
  readonly failures: readonly RecordedEnd[];
  /** Twenty tasks that were not over at the end: those that workers held, then the others, who waited longest first. */
  readonly unfinished: readonly RecordedWait[];
  /** The five that took longest, the longest first. */
  readonly slowestCommits: readonly RecordedCommit[];
}

/** How an attempt of a task ended badly. */
export interface RecordedEnd {
  readonly key: string;
  /** Epoch ms of the turn. */
  readonly at: number;
  /** `attempt.failed`, `attempt.timedOut` or `attempt.lost`. */
  readonly event: string;
  readonly attempt: number;
  readonly workerId: string | null;
  readonly error: string;
}

/** Why a task got another attempt. */
export interface RecordedRetry extends RecordedEnd {
  /** Until the next attempt may begin, ms. */
  readonly delayMs: number;
}

/** Where a task was at the end. */
export interface RecordedWait {
  readonly key: string;
  readonly state: string;
  /** Epoch ms: since when. */
  readonly since: number;
  /** 0: there was none. */
  readonly attempt: number;
  readonly workerId: string | null;
}

export interface RecordedCommit {
  readonly turn: number;
  readonly at: number;
  readonly commitMs: number;
  readonly steps: number;
}

const shownEnds = 20;
const shownCommits = 5;

/** Reads a recording to its end, in bounded memory. @throws {RecordingError} */
export async function summarizeRecording(path: string): Promise<RecordingSummary> {
  const figures = new Figures();
  const turns = recordedTurns(path);
  for (;;) {
    const { value, done } = await turns.next();
    if (!done) {
      figures.add(value);
      continue;
    }
    const { sessions, endedAt, ending } = value;
    return {
      fleet: sessions[0]!.fleet,
      sessions: sessions.length,
      startedAt: sessions[0]!.startedAt,
      endedAt,
      ending,
      turns: figures.turns,
      steps: figures.steps,
      tasks: figures.tasks,
      tasksBefore: figures.tasksBefore ?? noTaskCounts,
      retriedAttempts: figures.retriedAttempts,
      retries: figures.retries,
      failures: figures.failures,
      unfinished: figures.unfinished,
      slowestCommits: figures.slowestCommits
    };
  }
}

class Figures {
  turns = 0;
  steps = 0;
  tasks: Record<string, number> = {};
  tasksBefore: Readonly<Record<string, number>> | null = null;
  retriedAttempts = 0;
  readonly retries: RecordedRetry[] = [];
  readonly failures: RecordedEnd[] = [];
  readonly slowestCommits: RecordedCommit[] = [];
  /** By key: the next session has rows of its own. */
  readonly #open = new Map<
    string,
    { readonly subject: Subject; readonly state: string; readonly since: number }
  >();

  get unfinished(): RecordedWait[] {
    const open = [...this.#open.values()].map(({ subject, state, since }) => {
      const { name: key, attempt, workerId } = subject;
      const isWithWorker = isHeld(state as TaskStatus);
      return { isWithWorker, wait: { key, state, since, attempt, workerId: isWithWorker ? workerId : null } };
    });
    return open
      .sort(
        (left, right) =>
          Number(right.isWithWorker) - Number(left.isWithWorker) || left.wait.since - right.wait.since
      )
      .slice(0, shownEnds)
      .map(({ wait }) => wait);
  }

  add({ turn, at, commitMs, steps, countsBefore, isRest }: FullTurn): void {
    this.steps += steps.length;
    if (countsBefore !== null) {
      this.tasksBefore ??= countsBefore;
      // What a killed process did last is in them, and not in its recording.
      this.tasks = { ...countsBefore };
    }
    for (const step of steps) this.#addStep(step, at);
    if (isRest) return;
    this.turns += 1;
    this.slowestCommits.push({ turn, at, commitMs, steps: steps.length });
    this.slowestCommits.sort((left, right) => right.commitMs - left.commitMs);
    this.slowestCommits.length = Math.min(this.slowestCommits.length, shownCommits);
  }

  #addStep(step: FullStep, at: number): void {
    const { machine, from, to } = step;
    if (machine !== 'task') return;
    const { name } = step.subject;
    if (taskLifecycle.isFinal(to as TaskStatus)) this.#open.delete(name);
    else this.#open.set(name, { subject: step.subject, state: to, since: at });
    if (from !== null) this.tasks[from] = (this.tasks[from] ?? 0) - 1;
    this.tasks[to] = (this.tasks[to] ?? 0) + 1;
    const hasFailed = step.event !== null && (to === 'failed' || to === 'timedOut');
    if (hasFailed && this.failures.length < shownEnds) this.failures.push(endOf(step, at));
    if (!isRetry(step)) return;
    this.retriedAttempts += 1;
    if (this.retries.length === shownEnds) return;
    const delayMs = step.dueAt === null ? 0 : Math.max(0, step.dueAt - at);
    this.retries.push({ ...endOf(step, at), delayMs });
  }
}

function isRetry({ event, to }: FullStep): boolean {
  return to === 'backingOff' || (to === 'queued' && event?.type === 'attempt.lost');
}

function endOf({ subject, event, detail }: FullStep, at: number): RecordedEnd {
  const { name: key, attempt, workerId } = subject;
  return { key, at, event: event!.type, attempt, workerId, error: detail?.error ?? '' };
}
