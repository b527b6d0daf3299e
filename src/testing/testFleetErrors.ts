import type { TaskStatus } from '../../machines/task.ts';
import { FleetError } from '../errors.ts';
import { quote } from '../validation/show.ts';
import type { CommitSide } from './fleetProcess.ts';

/** The fleet's process was crashed by the test, and does nothing any more: call `restart()`. */
export class CrashedError extends FleetError {
  readonly code = 'ERR_CRASHED';

  readonly fleet: string;
  /** What was asked of it. */
  readonly command: string;

  constructor(fleet: string, command: string) {
    super(`The process of fleet ${quote(fleet)} crashed and does not take ${command}; call restart() first`);
    this.fleet = fleet;
    this.command = command;
  }
}

/** A life that ends well without a crash did not after one: look at its `cause`, and crash there with `crashAt`. */
export class BrokenByCrashError extends FleetError {
  readonly code = 'ERR_BROKEN_BY_CRASH';

  readonly at: CommitSide;
  /** Number of the turn. */
  readonly turn: number;

  constructor(at: CommitSide, turn: number, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`After a crash at { at: '${at}', turn: ${turn} }: ${why}`, { cause });
    this.at = at;
    this.turn = turn;
  }
}

/** A task that has not settled. */
export interface WaitingTask {
  readonly key: string;
  readonly status: TaskStatus;
  /** What it waits for. */
  readonly reason: string;
}

/** What the test waited for does not come by itself: do what the reasons ask for, or wait for something else. */
export class NotSettledError extends FleetError {
  readonly code = 'ERR_NOT_SETTLED';

  /** What was waited for. */
  readonly subject: string;
  /** Simulated ms. */
  readonly waitedMs: number;
  /** The first hundred. */
  readonly waiting: readonly WaitingTask[];

  constructor(subject: string, waitedMs: number, waiting: readonly WaitingTask[], total: number) {
    const shown = waiting.slice(0, shownTasks).map(({ key, reason }) => `\n  ${quote(key)} ${reason}`);
    const more = total > shown.length ? `\n  and ${total - shown.length} more` : '';
    const tasks = total === 0 ? '; no task waits' : `; what waits:${shown.join('')}${more}`;
    super(`${subject} did not come in ${waitedMs.toLocaleString('en')} ms of simulated time${tasks}`);
    this.subject = subject;
    this.waitedMs = waitedMs;
    this.waiting = waiting;
  }
}

const shownTasks = 10;
