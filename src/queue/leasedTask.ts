import type { Lease, LeaseRef } from '../executors/leases.ts';
import { parseJson } from '../validation/jsonText.ts';
import { assertInteger, assertKey, readFields } from '../validation/validation.ts';

/** A task that a worker has: nobody else gets it as long as the lease lasts. */
export interface LeasedTask<TData = unknown> extends LeaseRef {
  readonly id: string;
  readonly type: string;
  readonly data: TData;
  readonly metadata: unknown;
  readonly workerId: string;
  /** When it comes back to the queue unless it is extended, epoch ms; later by the time that this process stands still. */
  readonly leaseExpiresAt: number;
  /** Aborted when it is not the worker's any more: cancelled, timed out, its lease ended, the queue stopped. */
  readonly signal: AbortSignal;
}

export function leasedTaskOf<TData>({ attempt: claimed, expiresAt, signal }: Lease): LeasedTask<TData> {
  const { taskId, key, type, data, metadata, attempt, workerId } = claimed;
  return {
    id: taskId,
    key,
    type,
    data: parseJson(data) as TData,
    metadata: metadata === null ? null : parseJson(metadata),
    attempt,
    workerId,
    leaseExpiresAt: expiresAt,
    signal
  };
}

/** What names a lease, read once. @throws {ValidationError} */
export function readLeaseRef(leased: LeaseRef): LeaseRef {
  const { key, attempt } = readFields('leased', leased);
  assertKey('leased.key', key);
  assertInteger('leased.attempt', attempt, 1, Number.MAX_SAFE_INTEGER);
  return { key, attempt };
}
