import type {
  BatchQuery,
  CommandReply,
  ExpiredBatchQuery,
  ExpiredResultQuery,
  InboxCommand,
  ResultQuery,
  ResultRef,
  ScheduleQuery,
  TaskQuery,
  TaskSelection
} from '../../store.ts';
import type { ExitGate } from './exitGate.ts';
import type { Failure } from './failure.ts';
import type { Cell } from '../cells.ts';
import type { EncodedCommit } from './encodedCommit.ts';
import type { Rows } from './rowCheck.ts';
import type { Durability } from './storeFile.ts';
import type { RawReport } from './storeReport.ts';

export interface DriverOptions {
  readonly path: string;
  readonly durability: Durability;
  readonly busyTimeoutMs: number;
}

/** What the thread is started with. */
export interface DriverSetup {
  readonly options: DriverOptions;
  /** Of its {@link ExitGate}. */
  readonly memory: ExitGate['memory'];
}

/** What the thread does for its caller, one call after the other, in the order in which they came. */
export interface DriverCalls {
  open(scope: string, owner: string): OpenedScope;
  /** @returns Whether no scope is open any more. */
  release(scope: string): boolean;
  commit(commit: EncodedCommit): void;
  removeBatch(scope: string, batchId: string): boolean;
  removeScope(scope: string): boolean;
  removeExpiredResults(scope: string, query: ExpiredResultQuery): boolean;
  removeOutsideResults(scope: string, upToSettledSeq: number): boolean;
  /** @returns Seq of the last task of a page, `null` when there is none, and the page, not yet compared. */
  liveTasks(scope: string, after: number, limit: number): readonly Cell[];
  payloads(scope: string, seqs: readonly number[]): Rows;
  templates(scope: string, ids: readonly string[]): Rows;
  sumResults(scope: string, afterSettledSeq: number): readonly Cell[];
  hasResults(scope: string, refs: readonly ResultRef[]): readonly boolean[];

  batch(scope: string, batchId: string): readonly Cell[] | null;
  batches(scope: string, query: BatchQuery): Rows;
  expiredBatches(scope: string, query: ExpiredBatchQuery): Rows;
  tasks(scope: string, keys: readonly string[]): Rows;
  taskRows(scope: string, selection: TaskSelection): Rows;
  keyHolders(scope: string, idempotencyKeys: readonly string[]): Rows;
  listTasks(scope: string, query: TaskQuery): Rows;
  results(scope: string, query: ResultQuery): Rows;
  result(scope: string, key: string): readonly Cell[] | null;
  schedule(scope: string, id: string): readonly Cell[] | null;
  listSchedules(scope: string, query: ScheduleQuery): Rows;
  head(scope: string): readonly Cell[];
  scopes(): readonly string[];
  owner(scope: string): string | null;
  check(): RawReport;

  sendCommand(scope: string, command: InboxCommand): void;
  readReply(scope: string, commandId: string): CommandReply | null;
  watch(watch: number, scope: string): void;
  unwatch(watch: number): void;
  answerCommand(scope: string, commandId: string, reply: CommandReply): void;

  close(): void;
}

export interface OpenedScope {
  /** Number of the fleet in the file. */
  readonly number: number;
  readonly head: readonly Cell[];
  readonly agents: Rows;
  readonly batches: Rows;
  readonly schedules: Rows;
  readonly removing: readonly string[];
}

export type CallName = keyof DriverCalls;

/** A call, posted to the thread. `id` 0: nobody waits for its end. */
export type CallMessage = readonly [id: number, call: CallName, args: readonly unknown[]];

/** What the thread posts: the end of a call, or commands for a watch. */
export type DriverMessage =
  | readonly [id: number, failure: null, value: unknown]
  | readonly [id: number, failure: Failure]
  | readonly [commands: 'commands', watch: number, commands: readonly InboxCommand[]];
