import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { longestTimerMs } from '../clock.ts';
import type { Store, StoreReader, TaskRow } from '../store.ts';
import { assertInteger, assertOneOf, assertPath, readOptions } from '../validation/validation.ts';
import { requireStorable } from './cells.ts';
import {
  decodeAgent,
  decodeBatch,
  decodeHead,
  decodePayload,
  decodeResult,
  decodeSchedule,
  decodeStoredTask,
  decodeTask
} from './rowCells.ts';
import { encodeCommit } from './sqlite/encodedCommit.ts';
import type { Durability } from './sqlite/storeFile.ts';
import type { StoreReport } from './sqlite/storeReport.ts';
import { decodeTaskPage } from './sqlite/taskRows.ts';
import { StoreThread } from './sqlite/thread.ts';

export interface SqliteOptions {
  /**
   * What a resolved commit survives. `full`: loss of power, by flushing the log at every commit. `process`: the
   * end of the process, `kill -9` included; a power cut may take the last commits, and never corrupts. `none`:
   * nothing is waited for; a power cut may corrupt the file. Defaults to `full`.
   */
  readonly durability?: Durability;
  /** How long a call waits for a lock of another process, ms. Integer in [0, 2^31). Defaults to 5,000. */
  readonly busyTimeoutMs?: number;
}

export type { Durability } from './sqlite/storeFile.ts';
export type { FleetReport, StoreFinding, StoreReport } from './sqlite/storeReport.ts';
export type { LogState } from './sqlite/walLog.ts';

const defaults = { durability: 'full', busyTimeoutMs: 5_000 } as const satisfies Required<SqliteOptions>;

/** Tasks that `open` hands over at once. */
const pageSize = 5_000;

/**
 * Keeps fleets in a SQLite file, written by a thread of its own.
 *
 * One process owns the file, by a lock that ends with the process; it may own many fleets in it. Others read
 * it with {@link sqliteReader}. The file and its directory are made at the first `open`; beside it lie
 * `<path>-wal`, `<path>-shm`, `<path>-lock` and `<path>-mark`, which belong to it while it is in use, and after a
 * crash: never delete one of them, nor copy the file without them. Never open it with other means from the same
 * process. Ids may hold any text but NUL and lone surrogates.
 *
 * What is damaged is refused as a `CorruptStoreError`; {@link checkStore} says what is. The log is written back when it
 * has 16 MiB. It grows beyond while another program holds a transaction open, and is cut to 64 MiB afterwards.
 *
 * @throws {ValidationError} when an option is not allowed.
 */
export function sqliteStore(path: string, options: SqliteOptions = {}): Store {
  const resolved = resolveOptions(path, options);
  const thread = new StoreThread(resolved);
  // Started by the first query, and a connection of its own: a long look through history holds up no commit.
  const queries = new StoreThread(resolved);
  // Before the first commit there is none to hold up: a recovery reads results, and need not wait for a thread to start.
  let hasCommitted = false;
  return {
    ...readerOf(thread, () => (hasCommitted ? queries : thread)),
    location: resolved.path,

    // Nothing is there before the first `open`.
    listScopes: async () => (existsSync(resolved.path) ? thread.call('scopes') : []),
    async open(scope, owner) {
      requireStorable('scope', scope);
      const { number, head, agents, batches, schedules, removing } = await thread.call('open', scope, owner);
      return {
        head: decodeHead(head),
        agents: agents.map(decodeAgent),
        batches: batches.map(decodeBatch),
        schedules: schedules.map(decodeSchedule),
        removing,
        tasks: pagesOf(thread, scope, number)
      };
    },
    async commit(commit) {
      hasCommitted = true;
      await thread.call('commit', encodeCommit(commit));
    },
    removeBatch: (scope, batchId) => thread.call('removeBatch', scope, batchId),
    async listExpiredBatches(scope, query) {
      const rows = await queries.call('expiredBatches', scope, query);
      return rows.map(([id, settledAt]) => ({ id: id as string, settledAt: settledAt as number }));
    },
    removeScope: (scope) => thread.call('removeScope', scope),
    removeExpiredResults: (scope, query) => thread.call('removeExpiredResults', scope, query),
    removeOutsideResults: (scope, upToSettledSeq) =>
      thread.call('removeOutsideResults', scope, upToSettledSeq),
    async release(scope) {
      // A connection that is closed keeps its descriptors until it is collected: the end of its thread frees them.
      if (await thread.release(scope)) await Promise.all([thread.rest(), queries.rest()]);
    },
    async readPayloads(scope, seqs) {
      const rows = await thread.call('payloads', scope, seqs);
      return new Map(rows.map(([seq, ...cells]) => [seq as number, decodePayload(cells)]));
    },
    async readKeyHolders(scope, idempotencyKeys) {
      return (await thread.call('keyHolders', scope, idempotencyKeys)).map(decodeStoredTask);
    },
    async readTemplates(scope, ids) {
      const rows = await thread.call('templates', scope, ids);
      return new Map(rows.map(([id, template]) => [id as string, template as string]));
    },
    async sumResults(scope, afterSettledSeq) {
      const cells = await thread.call('sumResults', scope, afterSettledSeq);
      const [successCount, failureCount, totalDuration, oldestResult, newestResult] = cells as number[];
      return {
        successCount: successCount!,
        failureCount: failureCount!,
        totalDuration: totalDuration!,
        oldestResult: oldestResult!,
        newestResult: newestResult!,
        settledSeq: (cells[5] as number | null) ?? afterSettledSeq,
        outcomes: cells[6] as string
      };
    },
    hasResults: (scope, refs) => thread.call('hasResults', scope, refs),
    watchCommands: (scope, onCommand) => thread.watch(scope, onCommand),
    answerCommand: (scope, commandId, reply) => thread.call('answerCommand', scope, commandId, reply),
    async close() {
      await queries.close();
      await thread.close();
    }
  };
}

/**
 * Reads a SQLite store beside its owner, and leaves commands for it. It owns nothing and makes no file: every
 * call rejects with `ERR_STORE_IO` while there is no store at `path`.
 *
 * @throws {ValidationError} when an option is not allowed.
 */
export function sqliteReader(path: string, options: Pick<SqliteOptions, 'busyTimeoutMs'> = {}): StoreReader {
  const thread = new StoreThread(resolveOptions(path, options));
  return readerOf(thread, () => thread);
}

/**
 * Checks a store, without changing a byte of it: the file, its log, each row, what belongs together, and whether
 * the agents can be restored. It may be owned meanwhile.
 *
 * It takes a few microseconds a row, and memory for a page of them. A check beside an owner keeps the log from
 * being written back until it is over.
 *
 * @throws {ValidationError} when `path` is not one.
 */
export async function checkStore(path: string): Promise<StoreReport> {
  const thread = new StoreThread(resolveOptions(path, {}));
  try {
    const { agents, ...report } = await thread.call('check');
    const { agentFindings } = await import('./sqlite/agentCheck.ts');
    const findings = [...report.findings, ...agentFindings(report.path, agents)];
    return { ...report, findings, isSound: findings.length === 0 && report.moreFindings === 0 };
  } finally {
    await thread.close();
  }
}

/** @param queries - The thread that takes a call which may look through many rows. */
function readerOf(thread: StoreThread, queries: () => StoreThread): StoreReader {
  return {
    async readBatch(scope, batchId) {
      const cells = await thread.call('batch', scope, batchId);
      return cells && decodeBatch(cells);
    },
    async listBatches(scope, query) {
      return (await thread.call('batches', scope, query)).map(decodeBatch);
    },
    async readTasks(scope, keys) {
      return (await thread.call('tasks', scope, keys)).map(decodeStoredTask);
    },
    async readTaskRows(scope, selection) {
      return (await thread.call('taskRows', scope, selection)).map(decodeTask);
    },
    async listTasks(scope, query) {
      return (await queries().call('listTasks', scope, query)).map(decodeStoredTask);
    },
    async readResults(scope, query) {
      return (await queries().call('results', scope, query)).map(decodeResult);
    },
    async readResult(scope, key) {
      const cells = await thread.call('result', scope, key);
      return cells && decodeResult(cells);
    },
    async readSchedule(scope, id) {
      const cells = await thread.call('schedule', scope, id);
      return cells && { row: decodeSchedule(cells), template: cells.at(-1) as string };
    },
    async listSchedules(scope, query) {
      return (await thread.call('listSchedules', scope, query)).map(decodeSchedule);
    },
    async readHead(scope) {
      return decodeHead(await thread.call('head', scope));
    },
    listScopes: () => thread.call('scopes'),
    readOwner: (scope) => thread.call('owner', scope),
    sendCommand: (scope, command) => thread.call('sendCommand', scope, command),
    readReply: (scope, commandId) => thread.call('readReply', scope, commandId),
    close: () => thread.close()
  };
}

/** Asks for a page while the one before is decoded and taken in. */
async function* pagesOf(
  thread: StoreThread,
  scope: string,
  number: number
): AsyncGenerator<readonly TaskRow[], void, undefined> {
  let after = 0;
  let next = thread.call('liveTasks', scope, after, pageSize);
  while (true) {
    const [last, page] = (await next) as [number | null, string];
    if (last === null) return;
    next = thread.call('liveTasks', scope, last, pageSize);
    // Nobody may come back for it; who does gets its error from `await`.
    next.catch(() => undefined);
    yield thread.decode(() => decodeTaskPage(page, number, after));
    after = last;
  }
}

function resolveOptions(path: string, options: SqliteOptions) {
  assertPath('path', path);
  const given = readOptions('options', options, Object.keys(defaults));
  const { durability = defaults.durability, busyTimeoutMs = defaults.busyTimeoutMs } = given;
  assertOneOf('durability', durability, ['full', 'process', 'none']);
  assertInteger('busyTimeoutMs', busyTimeoutMs, 0, longestTimerMs);
  return { path: resolve(path), durability, busyTimeoutMs };
}
