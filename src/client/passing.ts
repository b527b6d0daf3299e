import { StoreError } from '../errors.ts';

/** Whether a store may be there again by itself, so that it is waited for: one that was closed is not. */
export function isPassing(error: unknown): boolean {
  return error instanceof StoreError && error.code !== 'ERR_STORE_CLOSED';
}
