import type { AttemptRef, Outcome } from '../../machines/task.ts';
import type {
  Attempt,
  Executor,
  ExecutorReports,
  HeldAttempt,
  JoinedWorker,
  Reattachment
} from '../../src/index.ts';

/** An attempt where it is: in a worker, or on the way to it. */
interface Job {
  readonly attempt: Attempt;
  state: 'waiting' | 'begun';
  /** Why it was aborted, once it has heard of that. */
  abortedBy: string | null;
}

interface Worker {
  joined: JoinedWorker;
  /** `false`: nothing of it is heard, and it hears nothing. */
  isReachable: boolean;
}

/**
 * Workers elsewhere, and what lies between them and a fleet: it outlives the fleet's processes.
 *
 * Nothing in it happens by itself: the test says when a worker joins, begins an attempt, ends it, falls silent.
 */
export class RemoteWorld {
  readonly #workers = new Map<string, Worker>();
  readonly #jobs = new Map<string, Job>();
  /** Outcomes that no fleet has confirmed. */
  readonly #outcomes = new Map<string, Outcome>();
  #reports: ExecutorReports | null = null;
  /** Attempts that were dispatched, each once: `seq.attempt` and the worker. */
  readonly dispatched: string[] = [];
  /** Calls that a fleet makes none of where workers come by themselves. */
  readonly unexpectedCalls: string[] = [];
  /** Workers that were asked for a heartbeat. */
  readonly probed: string[] = [];

  /** The end of it that one process of the fleet holds. The process before is cut off. */
  executor(): Executor {
    let own: ExecutorReports | null = null;
    return {
      types: null,
      isRemote: true,
      start: (reports) => {
        this.#reports = own = reports;
        for (const { joined, isReachable } of this.#workers.values()) if (isReachable) reports.joined(joined);
        return Promise.resolve();
      },
      startWorker: (workerId) => Promise.resolve(void this.unexpectedCalls.push(`start ${workerId}`)),
      stopWorker: (workerId) => Promise.resolve(void this.unexpectedCalls.push(`stop ${workerId}`)),
      dispatch: (attempts) => {
        for (const attempt of attempts) {
          this.dispatched.push(`${keyOf(attempt)} ${attempt.workerId}`);
          this.#jobs.set(keyOf(attempt), { attempt, state: 'waiting', abortedBy: null });
        }
      },
      abort: (ref, cause) => {
        const job = this.#jobs.get(keyOf(ref));
        if (job === undefined) return;
        if (job.state === 'begun') job.abortedBy = cause.kind;
        else {
          this.#jobs.delete(keyOf(ref));
          own?.returned(ref);
        }
      },
      reattach: (attempts) => Promise.resolve(attempts.map((held) => this.#fateOf(held))),
      probe: (workerId) => {
        this.probed.push(workerId);
        if (this.#workers.get(workerId)?.isReachable) own?.heartbeat(workerId);
      },
      stop: () => {
        if (this.#reports === own) this.#reports = null;
        own = null;
        return Promise.resolve();
      }
    };
  }

  join(workerId: string, changes: Partial<JoinedWorker> = {}): void {
    const joined: JoinedWorker = {
      workerId,
      concurrency: 1,
      tags: [],
      types: ['work'],
      problem: null,
      ...changes
    };
    this.#workers.set(workerId, { joined, isReachable: true });
    this.#reports?.joined(joined);
  }

  drain(workerId: string): void {
    this.#reports?.draining(workerId);
  }

  leave(workerId: string): void {
    this.#end(workerId);
    this.#reports?.left(workerId);
  }

  /** Its process is killed, with all that it has. Nobody is told. */
  kill(workerId: string): void {
    this.#end(workerId);
  }

  /** What connects it breaks: it goes on alone. */
  cutOff(workerId: string): void {
    this.#setReachable(workerId, false);
  }

  reconnect(workerId: string): void {
    this.#setReachable(workerId, true);
  }

  isReachable(workerId: string): boolean {
    return this.#workers.get(workerId)?.isReachable === true;
  }

  /** Whether an attempt is in a worker, or on the way to it. */
  has(ref: AttemptRef): boolean {
    return this.#jobs.has(keyOf(ref));
  }

  get dispatchedRefs(): readonly string[] {
    return this.dispatched.map((told) => told.split(' ')[0]!);
  }

  /** What a worker has, and what is on the way to it. */
  heldBy(workerId: string): readonly Attempt[] {
    return [...this.#jobs.values()]
      .map(({ attempt }) => attempt)
      .filter((held) => held.workerId === workerId);
  }

  abortOf(ref: AttemptRef): string | null {
    return this.#jobs.get(keyOf(ref))?.abortedBy ?? null;
  }

  /** @param isTold - `false`: the message that says so is lost. */
  begin(ref: AttemptRef, isTold = true): void {
    this.#jobs.get(keyOf(ref))!.state = 'begun';
    if (isTold) this.#reports?.started(ref);
  }

  /** Gives an attempt back that has not begun. */
  giveBack(ref: AttemptRef): void {
    this.#jobs.delete(keyOf(ref));
    this.#reports?.returned(ref);
  }

  /** Ends an attempt. The outcome is kept until a fleet has confirmed it. */
  settle(ref: AttemptRef, outcome: Outcome = done): void {
    const key = keyOf(ref);
    this.#jobs.delete(key);
    this.#outcomes.set(key, outcome);
    this.#reports?.confirm(ref, outcome).then(
      () => this.#outcomes.delete(key),
      () => {}
    );
  }

  /** Says something that a worker has said before, or somebody else in its name. */
  get reports(): ExecutorReports | null {
    return this.#reports;
  }

  #setReachable(workerId: string, isReachable: boolean): void {
    const worker = this.#workers.get(workerId);
    if (worker !== undefined) worker.isReachable = isReachable;
  }

  #end(workerId: string): void {
    this.#workers.delete(workerId);
    for (const [key, { attempt }] of this.#jobs) if (attempt.workerId === workerId) this.#jobs.delete(key);
  }

  #fateOf(held: HeldAttempt): Reattachment {
    const outcome = this.#outcomes.get(keyOf(held));
    if (outcome !== undefined) return { status: 'settled', outcome };
    return { status: this.#jobs.has(keyOf(held)) ? 'running' : 'lost' };
  }
}

const done: Outcome = { status: 'completed', result: '"done"' };
export const failed: Outcome = {
  status: 'failed',
  error: { name: 'Error', message: 'no', retryable: true }
};

function keyOf({ seq, attempt }: AttemptRef): string {
  return `${seq}.${attempt}`;
}
