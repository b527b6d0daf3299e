import { summaryOf, type CoordinatorContext, type ResultSummary } from '../machines/coordinatorMachine.ts';
import type { LedgerCommand } from '../machines/fleet.ts';
import type { TaskResult } from '../machines/task.ts';
import { taskErrorOf } from './outcome.ts';
import type { ResultQuery, StoreReader } from './store.ts';
import {
  assertBoolean,
  assertDuration,
  assertId,
  assertInteger,
  assertTime,
  jsonTextOf,
  readOptions,
  refuse
} from './validation.ts';
import { taskResultOf } from './views.ts';

/** A result as a worker outside the fleet hands it in. */
export interface SubmittedTaskResult<TResult = unknown> {
  readonly taskId: string;
  readonly success: boolean;
  readonly result?: TResult;
  readonly error?: string;
  /** Ms. Finite, >= 0. */
  readonly duration: number;
  /** Epoch ms. */
  readonly timestamp: number;
  /** Defaults to `external`. */
  readonly type?: string;
  /** Integer >= 1; the same worker, task and attempt count once. Defaults to 1. */
  readonly attempts?: number;
}

/** A result and how it came. */
export interface ResultEntry<TResult = unknown> {
  readonly workerId: string | null;
  readonly result: TaskResult<TResult>;
  /** When the coordinator got it, epoch ms. */
  readonly receivedAt: number;
}

export interface ResultEntryFilter {
  readonly workerId?: string;
  readonly success?: boolean;
  /** Received at or after this time, epoch ms. */
  readonly since?: number;
  /** The newest so many. Integer in [1, 1,000]. Defaults to 1,000. */
  readonly limit?: number;
  /** Passes over so many of the newest. Integer >= 0. */
  readonly offset?: number;
}

export interface CoordinatorPorts {
  readonly scope: string;
  readonly store: StoreReader;
  readonly send: (command: LedgerCommand) => Promise<unknown>;
  readonly context: () => CoordinatorContext;
}

const resultFields = ['taskId', 'success', 'result', 'error', 'duration', 'timestamp', 'type', 'attempts'];

/**
 * Gathers results: those of the fleet by themselves, and what other workers submit.
 *
 * The summary is kept by the coordinator's actor, in O(1); the results are in the store.
 */
export class CoordinatorAgent<TResult = unknown> {
  readonly #ports: CoordinatorPorts;

  constructor(ports: CoordinatorPorts) {
    this.#ports = ports;
  }

  /**
   * Takes a result in, once for each worker, task and attempt.
   *
   * @returns Whether it is new.
   * @throws {ValidationError}
   */
  async submitResult(workerId: string, result: SubmittedTaskResult<TResult>): Promise<boolean> {
    assertId('workerId', workerId);
    const read = readOptions('result', result, resultFields);
    const { taskId, success, duration, timestamp, type = 'external', attempts = 1, error } = read;
    assertId('result.taskId', taskId);
    assertBoolean('result.success', success);
    assertId('result.type', type);
    if (error !== undefined && typeof error !== 'string') refuse('result.error', error, 'a string');
    assertDuration('result.duration', duration, 0);
    assertTime('result.timestamp', timestamp);
    assertInteger('result.attempts', attempts, 1, Number.MAX_SAFE_INTEGER);
    const isNew = await this.#ports.send({
      type: 'result.submit',
      workerId,
      result: {
        taskId,
        type,
        success,
        result: read.result === undefined ? null : jsonTextOf('result.result', read.result),
        error: success ? null : taskErrorOf(error ?? 'no reason given', () => false),
        duration,
        timestamp,
        attempt: attempts
      }
    });
    return isNew as boolean;
  }

  /** The newest results that pass the filter, oldest first. */
  async getResults(filter: ResultEntryFilter = {}): Promise<ResultEntry<TResult>[]> {
    const read = readOptions('filter', filter, ['workerId', 'success', 'since', 'limit', 'offset']);
    const { workerId, success, since, limit = 1_000, offset = 0 } = read;
    if (workerId !== undefined) assertId('filter.workerId', workerId);
    if (success !== undefined) assertBoolean('filter.success', success);
    if (since !== undefined) assertTime('filter.since', since);
    assertInteger('filter.limit', limit, 1, 1_000);
    assertInteger('filter.offset', offset, 0, Number.MAX_SAFE_INTEGER);
    const query: ResultQuery = {
      order: 'newest',
      limit,
      offset,
      ...(workerId !== undefined && { workerId }),
      ...(success !== undefined && { success }),
      ...(since !== undefined && { since })
    };
    const stored = await this.#ports.store.readResults(this.#ports.scope, query);
    return stored
      .map((entry) => ({
        workerId: entry.workerId,
        result: taskResultOf<TResult>(entry),
        receivedAt: entry.receivedAt
      }))
      .reverse();
  }

  async getSummary(): Promise<ResultSummary> {
    return summaryOf(this.#ports.context());
  }

  async getCount(): Promise<number> {
    return (await this.getSummary()).totalResults;
  }

  /** Per cent, 0 to 100; 0 while there are no results. */
  async getSuccessRate(): Promise<number> {
    const { totalResults, successCount } = await this.getSummary();
    return totalResults === 0 ? 0 : (successCount / totalResults) * 100;
  }
}
