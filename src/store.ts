import type { BatchState } from '../machines/batch.ts';
import type { BatchContext } from '../machines/batchMachine.ts';
import type { ScheduleState } from '../machines/schedule.ts';
import type { ScheduleContext } from '../machines/scheduleMachine.ts';
import type { Json, TaskResult, TaskStatus } from '../machines/task.ts';
import type { TaskContext } from '../machines/taskMachine.ts';
import type { FencedError } from './errors.ts';
import type { FleetStats } from './ledger/stats.ts';

/** A lifecycle's snapshot as it is kept: the name of its state, and its context. */
export interface Row<TState extends string, TContext> {
  readonly state: TState;
  readonly context: TContext;
}

export type TaskRow = Row<TaskStatus, TaskContext>;
export type BatchRow = Row<BatchState, BatchContext>;
export type ScheduleRow = Row<ScheduleState, ScheduleContext>;

/** What a task carries and never changes: JSON text, kept beside its row and read when it is dispatched. */
export interface Payload {
  readonly data: string;
  readonly metadata: string | null;
  /** Ids of tasks of its batch, as they were given; `null`: it depends on none. */
  readonly dependsOn: string | null;
  /** The key itself, no JSON text. No other task of the fleet has it. */
  readonly idempotencyKey: string | null;
  /** W3C `traceparent` of what submitted a task alone; absent: none. Of a task of a batch, the batch's row has it. */
  readonly traceparent?: string;
}

/** A task with all that is known of it. */
export interface StoredTask {
  readonly row: TaskRow;
  readonly payload: Payload;
}

/** A schedule with what each of its firings submits. */
export interface StoredSchedule {
  readonly row: ScheduleRow;
  /** JSON text. */
  readonly template: string;
}

/** What a turn did to one schedule. */
export interface ScheduleChange {
  readonly id: string;
  /** Its new row, there before or not; `null`: it is removed. */
  readonly row: ScheduleRow | null;
  /** JSON text; `null`: it stays as it is, or goes with its row. */
  readonly template: string | null;
}

/** A settled result with its value still as JSON text. */
export interface StoredResult extends Omit<TaskResult, 'result'> {
  /** JSON text; `null`: none. */
  readonly result: string | null;
  /** When it reached the coordinator, epoch ms. */
  readonly receivedAt: number;
}

/** A result as a commit brings it. */
export interface NewResult extends StoredResult {
  /** Number of the task whose end it is, so that a store need not look it up; `null`: it came from elsewhere. Not read back. */
  readonly seq: number | null;
}

/** An agent's persisted snapshot. */
export interface StoredAgent {
  /** The actor's id: `fleet`, `coordinator`, `worker-1` … */
  readonly id: string;
  /** Id of its machine. */
  readonly machine: string;
  readonly schemaVersion: number;
  /** What `getPersistedSnapshot` gives, without children. */
  readonly snapshot: Json;
}

/** Numbers of a fleet that every commit carries. */
export interface LedgerHead {
  /** Number of the last turn. 0: none yet. */
  readonly turn: number;
  /** Last task number given. */
  readonly seq: number;
  /** Last result number given. */
  readonly settledSeq: number;
  readonly stats: FleetStats;
}

/** All that one turn changed. It is written whole or not at all. */
export interface Commit {
  readonly scope: string;
  readonly head: LedgerHead;
  /** Tasks that were not there before. A key or an idempotency key that is taken refuses the commit. */
  readonly newTasks: readonly StoredTask[];
  /** New rows of tasks that were there. */
  readonly tasks: readonly TaskRow[];
  /** New rows of batches, there before or not. */
  readonly batches: readonly BatchRow[];
  readonly results: readonly NewResult[];
  readonly schedules: readonly ScheduleChange[];
  /** Snapshots of agents that changed. */
  readonly agents: readonly StoredAgent[];
}

/** What a store knows of a fleet when it is opened by its owner. */
export interface StoredFleet {
  /** `null`: the scope is new. */
  readonly head: LedgerHead | null;
  readonly agents: readonly StoredAgent[];
  /** Batches that have not settled. */
  readonly batches: readonly BatchRow[];
  /** All schedules, without their templates. */
  readonly schedules: readonly ScheduleRow[];
  /** Batches whose removal was begun and has not ended: to be gone on with by {@link Store.removeBatch}. */
  readonly removing: readonly string[];
  /** Tasks that have not settled, in order of `seq`, in pages so that a million do not come at once. */
  readonly tasks: AsyncIterable<readonly TaskRow[]>;
}

export interface TaskQuery {
  readonly batchId?: string;
  readonly status?: TaskStatus;
  readonly type?: string;
  /** Integer in [1, 1,000]. */
  readonly limit: number;
  /** `seq` of the last task of the page before. */
  readonly after?: number;
}

/** Names tasks, all by their keys or all by their numbers. */
export type TaskSelection = { readonly keys: readonly string[] } | { readonly seqs: readonly number[] };

export interface BatchQuery {
  readonly status?: BatchState;
  /** Integer in [1, 1,000]. */
  readonly limit: number;
  /** Id of the last batch of the page before. Batches are listed in order of creation. */
  readonly after?: string;
}

export interface ScheduleQuery {
  /** Integer in [1, 1,000]. */
  readonly limit: number;
  /** Id of the last schedule of the page before. Schedules are listed in order of their ids' UTF-8. */
  readonly after?: string;
}

/** Names a result for good: no worker has two of one attempt. */
export interface ResultRef {
  readonly workerId: string;
  readonly key: string;
  readonly attempt: number;
}

export interface ResultQuery {
  readonly batchId?: string;
  readonly workerId?: string;
  readonly success?: boolean;
  readonly taskType?: string;
  /** Received at or after this time, epoch ms. */
  readonly since?: number;
  /** Received before this time, epoch ms. */
  readonly until?: number;
  /** Only results after this position in the order of settling. */
  readonly afterSettledSeq?: number;
  /** `newest` takes the last ones, newest first. Defaults to `oldest`: in order of settling. */
  readonly order?: 'oldest' | 'newest';
  /** Integer in [1, 1,000]. */
  readonly limit: number;
  /** Integer >= 0. */
  readonly offset?: number;
}

/** Which settled batches are let go. */
export interface ExpiredBatchQuery {
  /** Those that settled before this time, epoch ms; `null`: none for their age. */
  readonly settledBefore: number | null;
  /** Those beyond the so many that settled last; `null`: none for their number. */
  readonly keep: number | null;
  /** Integer in [1, 1,000]. */
  readonly limit: number;
}

/** A settled batch, told from a later one of the same id by its time. */
export interface ExpiredBatch {
  readonly id: string;
  /** Epoch ms. */
  readonly settledAt: number;
}

/** Which results that belong to no batch are let go, each with the task that it settled. */
export interface ExpiredResultQuery {
  /** Epoch ms. */
  readonly receivedBefore: number;
  /** None after this position in the order of settling. */
  readonly upToSettledSeq: number;
}

/** A command from another process, in the order of its arrival. */
export interface InboxCommand {
  readonly id: string;
  readonly command: RemoteCommand;
  readonly sentAt: number;
}

/** Commands that may come from another process. All are idempotent: a crash may have one carried out again. */
export type RemoteCommand =
  | {
      /** A part of a batch, in the order of its tasks. Answered with a `SubmitReply`. */
      readonly type: 'batch.submit';
      readonly batchId: string;
      readonly metadata: Json;
      /** As they are submitted: at most 1,000, of no more than about 1 MiB but for the last of them. */
      readonly tasks: readonly Json[];
      /** `true` with the batch's last tasks. */
      readonly seal: boolean;
      /** Tasks that the sender has submitted in all, these included. */
      readonly total: number | null;
      /** `true`: the batch began with this submission. */
      readonly exclusive: boolean;
      /** Tasks that a queue that rejects must have room for, all of the batch's; 0: they were let in before. */
      readonly announced: number;
      /** W3C `traceparent` of the submission; absent: it is not traced. */
      readonly traceparent?: string;
    }
  /** A single task, with its id. Answered with its key. */
  | { readonly type: 'task.submit'; readonly task: Json; readonly traceparent?: string }
  | { readonly type: 'batch.cancel'; readonly batchId: string }
  | { readonly type: 'batch.pause'; readonly batchId: string }
  | { readonly type: 'batch.resume'; readonly batchId: string }
  | { readonly type: 'batch.retry'; readonly batchId: string; readonly newBatchId: string }
  | { readonly type: 'task.cancel'; readonly key: string }
  | { readonly type: 'task.retry'; readonly key: string; readonly newKey: string }
  | { readonly type: 'workers.scale'; readonly count: number }
  /** Changes nothing. Answered with the first `limits.listedWorkers` that match. */
  | { readonly type: 'workers.list'; readonly filter: Json }
  | { readonly type: 'fleet.pause' }
  | { readonly type: 'fleet.resume' };

/** The command of one type. */
export type RemoteCommandOf<TType extends RemoteCommand['type']> = Extract<RemoteCommand, { type: TType }>;

/** What the owner answered to a command. */
export type CommandReply =
  | { readonly ok: true; readonly value: Json }
  | {
      readonly ok: false;
      readonly code: string;
      readonly message: string;
      /** What the error says of itself in fields, so that the sender can be thrown the same. */
      readonly details?: Json;
    };

/**
 * What any process may do beside the owner: read what is committed, and leave commands.
 *
 * Every call reads committed rows only, and returns plain JSON values. None sees anything of a batch whose removal
 * was begun.
 */
export interface StoreReader {
  readBatch(scope: string, batchId: string): Promise<BatchRow | null>;
  listBatches(scope: string, query: BatchQuery): Promise<readonly BatchRow[]>;
  /** Those of `keys` that exist, in any order. */
  readTasks(scope: string, keys: readonly string[]): Promise<readonly StoredTask[]>;
  /** The rows alone of those that exist, in any order. */
  readTaskRows(scope: string, selection: TaskSelection): Promise<readonly TaskRow[]>;
  /** In order of `seq`. */
  listTasks(scope: string, query: TaskQuery): Promise<readonly StoredTask[]>;
  readResults(scope: string, query: ResultQuery): Promise<readonly StoredResult[]>;
  /** The result of one task; `null` until it settled. */
  readResult(scope: string, key: string): Promise<StoredResult | null>;
  readSchedule(scope: string, id: string): Promise<StoredSchedule | null>;
  listSchedules(scope: string, query: ScheduleQuery): Promise<readonly ScheduleRow[]>;
  readHead(scope: string): Promise<LedgerHead | null>;
  /** Names of the fleets that the store holds. */
  listScopes(): Promise<readonly string[]>;
  /** Who owns a fleet now, alive; `null` when nobody does. Never takes the ownership to find out. */
  readOwner(scope: string): Promise<string | null>;

  /** Leaves a command for the owner, durably. One whose id is there already changes nothing, answered or not. */
  sendCommand(scope: string, command: InboxCommand): Promise<void>;
  /** The owner's reply, or `null` while there is none. */
  readReply(scope: string, commandId: string): Promise<CommandReply | null>;
  close(): Promise<void>;
}

/**
 * Port: where a fleet's rows, results and snapshots are durable.
 *
 * One owner writes. Values are structured-cloneable; a store neither keeps nor changes an object that it was
 * given. Errors are {@link StoreError}, {@link FencedError}, {@link LockedError}, {@link CorruptStoreError},
 * {@link StoreVersionError}.
 */
export interface Store extends StoreReader {
  /** Where it is, for messages. */
  readonly location: string;

  /**
   * Takes ownership of a scope.
   *
   * @param owner - Names this process in another one's `LockedError`.
   * @throws {LockedError} while another living owner has it.
   */
  open(scope: string, owner: string): Promise<StoredFleet>;

  /**
   * Atomic, and as durable as the store promises when it resolves.
   *
   * @throws {FencedError} unless its turn is later than the last one, and the scope still the caller's: another owner has
   * taken it over, or written since. Nothing was written.
   */
  commit(commit: Commit): Promise<void>;

  /**
   * Removes a settled batch with its tasks and results, a slice at a time, so that other calls are served between.
   *
   * The first slice is the last that anybody sees of the batch, and it is durable: `open` names what was begun. Until
   * the last one its id must not be taken again. A batch that has not settled, or is not there, is left as it is.
   *
   * @returns Whether there is more to remove: call it again.
   */
  removeBatch(scope: string, batchId: string): Promise<boolean>;

  /** Settled batches that match, the one that settled first first; equal times in order of creation. */
  listExpiredBatches(scope: string, query: ExpiredBatchQuery): Promise<readonly ExpiredBatch[]>;

  /**
   * Removes results that belong to no batch, and the settled tasks that they are of, a slice at a time.
   *
   * @returns Whether there is more to remove: call it again.
   */
  removeExpiredResults(scope: string, query: ExpiredResultQuery): Promise<boolean>;

  /**
   * Removes results from outside the fleet up to a position in the order of settling, the first ones first, a slice
   * at a time. Those of the fleet's tasks stay.
   *
   * @returns Whether there is more to remove: call it again.
   */
  removeOutsideResults(scope: string, upToSettledSeq: number): Promise<boolean>;

  /** The payloads of tasks that exist, by `seq`. */
  readPayloads(scope: string, seqs: readonly number[]): Promise<ReadonlyMap<number, Payload>>;

  /**
   * Tasks that have these idempotency keys, in any order. Those of a batch that is being removed are among them: their
   * idempotency keys are not free yet.
   */
  readKeyHolders(scope: string, idempotencyKeys: readonly string[]): Promise<readonly StoredTask[]>;
  /** The templates of schedules that exist, by id. */
  readTemplates(scope: string, ids: readonly string[]): Promise<ReadonlyMap<string, string>>;

  /** Counts the results after a position: what a coordinator whose snapshot is older has missed. */
  sumResults(scope: string, afterSettledSeq: number): Promise<ResultsSum>;

  /** Whether these results are there, in order. */
  hasResults(scope: string, refs: readonly ResultRef[]): Promise<readonly boolean[]>;

  /**
   * Calls back with commands that other processes have sent, in order, until it is released. A command comes
   * again after a restart unless it was answered.
   */
  watchCommands(scope: string, onCommand: (command: InboxCommand) => void): Disposable;
  /** Keeps the reply for a while; the command itself is needed no more. */
  answerCommand(scope: string, commandId: string, reply: CommandReply): Promise<void>;

  /**
   * Removes everything of a scope that its caller has open, a slice at a time, so that other calls are served between.
   *
   * The first slice is the last that anybody sees of it, and it is durable: from then on the scope is closed, and new
   * to whoever opens it. What a crash leaves unseen goes with the next removal.
   *
   * @returns Whether there is more to remove: call it again.
   */
  removeScope(scope: string): Promise<boolean>;

  /**
   * Calls back once when another owner has the scope, or may have it because its lease was not renewed in time, until it is
   * released. Only stores with leases have it.
   */
  watchOwnership?(scope: string, onLost: (error: FencedError) => void): Disposable;

  /** Gives up ownership of a scope. Idempotent. The store stays open for other scopes. */
  release(scope: string): Promise<void>;
}

export interface ResultsSum {
  readonly successCount: number;
  readonly failureCount: number;
  readonly totalDuration: number;
  /** Epoch ms of `timestamp`; 0 when there are no results. */
  readonly oldestResult: number;
  readonly newestResult: number;
  readonly settledSeq: number;
  /** Of the last results, as `outcomesOf` of the coordinator's machine gives them. */
  readonly outcomes: string;
}
