import type { Kind, Load } from './kinds.ts';

/**
 * What a caller asks of a fleet. It asks again, in the next process, what was not acknowledged, and sometimes
 * what was.
 */
export type Call = CallToMake & {
  /** Names it in the log. */
  readonly id: string;
};

export type CallToMake =
  | { readonly type: 'submitArray' | 'submitStream'; readonly batchId: string; readonly load: Load }
  | { readonly type: 'submitTask'; readonly key: string; readonly kind: Kind }
  /** Under whatever key it is submitted, it is done once. */
  | {
      readonly type: 'submitOnce';
      readonly key: string;
      readonly idempotencyKey: string;
      readonly kind: Kind;
    }
  /** Submits a quick task each second, those that were missed included. */
  | { readonly type: 'schedule'; readonly scheduleId: string }
  | { readonly type: 'cancelTask'; readonly key: string }
  /** @param whenBegun - Key of a task of the batch: waits until its handler has begun. */
  | { readonly type: 'cancelBatch'; readonly batchId: string; readonly whenBegun?: string }
  /** Waits until the batch has settled. */
  | { readonly type: 'retryBatch'; readonly batchId: string; readonly newBatchId: string }
  | { readonly type: 'removeBatch'; readonly batchId: string }
  | { readonly type: 'pauseBatch' | 'resumeBatch'; readonly batchId: string }
  | { readonly type: 'pause' | 'resume' }
  | { readonly type: 'scaleWorkers'; readonly count: number };

/** Calls of one caller, who waits for each answer before the next call. */
export type Lane = readonly Call[];

/** Id of the batch that the call submits; `null`: it submits none. */
export function submittedBatch(call: Call): string | null {
  if (call.type === 'retryBatch') return call.newBatchId;
  return call.type === 'submitArray' || call.type === 'submitStream' ? call.batchId : null;
}

/**
 * Whether a refusal is an answer: a batch that has settled cannot be paused, and one that was removed cannot be
 * removed again by a caller who was not told.
 */
export function isAnswer({ type }: Call, code: string): boolean {
  return (
    (type === 'pauseBatch' && code === 'ERR_CONFLICT') || (type === 'removeBatch' && code === 'ERR_NOT_FOUND')
  );
}

/** Whether a call failed because the fleet stopped, so that it was not answered at all. */
export function isCutOff(code: string): boolean {
  return code === 'ERR_NOT_RUNNING' || code === 'ERR_STORE_CLOSED';
}
