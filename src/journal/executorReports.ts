import type { FleetFact } from '../../machines/fleetFact.ts';
import type { AttemptRef, TaskStatus } from '../../machines/task.ts';
import type { JoinedWorkers } from '../agents/joinedWorkers.ts';
import type { WorkerHealth } from '../agents/workerHealth.ts';
import type { Clock } from '../clock.ts';
import type { ExecutorReports } from '../executor.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { TurnInput } from '../turn/turnInput.ts';
import type { AttemptNotes } from './attemptNotes.ts';
import type { Replies } from './replies.ts';

export interface ReportTaker {
  /** Whether workers come by themselves, from elsewhere. */
  readonly isRemote: boolean;
  readonly ledger: Ledger;
  readonly notes: AttemptNotes;
  readonly replies: Replies;
  readonly health: WorkerHealth;
  readonly joined: JoinedWorkers;
  readonly clock: Clock;
  /** Puts an input into the next turn. */
  readonly collect: (input: TurnInput) => void;
  /** Has a turn look for what can be claimed. */
  readonly lookForClaims: () => void;
  /** Tells what is not durable, at once. */
  readonly tell: (fact: FleetFact) => void;
}

/** What becomes of an executor's reports: outcomes are the next turn's, progress and lines are told as they come. */
export function executorReports(taker: ReportTaker): ExecutorReports {
  const { isRemote, ledger, notes, replies, health, joined, clock, collect, lookForClaims, tell } = taker;
  /** What a handler tells while its attempt runs is not durable. `null`: it is kept, and not told. */
  const tellOfAttempt = ({ seq, attempt }: AttemptRef, factOf: (task: TaskOfFact) => FleetFact | null) => {
    const context = ledger.tasks.get(seq)?.context;
    if (context?.attempt !== attempt) return;
    const { key, batchId } = context;
    const fact = factOf({ key, batchId, attempt });
    if (fact !== null) tell(fact);
  };
  return {
    settled: (ref, outcome) => {
      notes.forget(ref);
      const { seq, attempt } = ref;
      collect({ type: 'attempt.settled', seq, attempt, outcome });
    },
    progress: (attempt, value) =>
      tellOfAttempt(attempt, (task) =>
        notes.keepProgress(attempt, value, clock.monotonic())
          ? { type: 'task.progress', ...task, value }
          : null
      ),
    log: (attempt, line) =>
      tellOfAttempt(attempt, (task) =>
        notes.keepLine(attempt, line, clock.monotonic()) ? { type: 'task.log', ...task, line } : null
      ),
    detached: ({ key, batchId, attempt }, error, hasFailed) =>
      tell({ type: 'task.detachedError', key, batchId, attempt, error, hasFailed }),
    lost: ({ seq, attempt }, reason) => {
      notes.forget({ seq, attempt });
      collect({ type: 'attempt.lost', seq, attempt, reason });
    },
    workerLost: (workerId, reason) =>
      isRemote ? joined.lost(workerId, reason) : health.lose(workerId, reason),
    heartbeat: (workerId) => {
      health.heard(workerId);
      joined.heard(workerId);
    },
    started: ({ seq, attempt }) => collect({ type: 'attempt.started', seq, attempt }),
    joined: (worker) => joined.joined(worker),
    draining: (workerId) => joined.draining(workerId),
    left: (workerId) => joined.left(workerId),
    confirm: ({ seq, attempt }, outcome) => {
      notes.forget({ seq, attempt });
      const { commandId, reply } = replies.expect<TaskStatus | null>();
      collect({ type: 'attempt.settled', seq, attempt, outcome, commandId });
      return reply;
    },
    returned: ({ seq, attempt }) => collect({ type: 'attempt.returned', seq, attempt }),
    request: (request) => {
      ledger.requests.add(request);
      lookForClaims();
    },
    withdraw: (requestId) => ledger.requests.withdraw(requestId),
    nextTurn: () => {
      const { commandId, reply } = replies.expect<void>();
      collect({ type: 'turn.awaited', commandId });
      return reply;
    }
  };
}

interface TaskOfFact {
  readonly key: string;
  readonly batchId: string | null;
  readonly attempt: number;
}
