import type { Clock } from '../clock.ts';
import { TimeoutError } from '../errors.ts';
import { assertDuration, assertSignal, readOptions } from '../validation/validation.ts';

/** Bounds of a wait. Neither ends what is waited for. */
export interface WaitOptions {
  /** Longest wait, ms. Finite, >= 0. Defaults to no limit. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** The bounds, read once. @throws {ValidationError} */
export function readWaitOptions(options: WaitOptions): WaitOptions {
  const read = readOptions('options', options, ['timeoutMs', 'signal']);
  const { timeoutMs, signal } = read;
  if (timeoutMs !== undefined) assertDuration('timeoutMs', timeoutMs, 0);
  if (signal !== undefined) assertSignal(signal);
  return read;
}

/**
 * Waits for what `subscribe` announces, within bounds, and leaves nothing behind.
 *
 * @param subscribe - Called at once; its subscription is disposed of when the wait is over.
 * @throws {TimeoutError} @throws the signal's reason.
 */
export function waitWithin<T>(
  subject: string,
  { timeoutMs, signal }: WaitOptions,
  clock: Clock,
  subscribe: (resolve: (value: T) => void, reject: (error: unknown) => void) => Disposable
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const cleanups: (() => void)[] = [];
    const end = (settle: () => void): void => {
      for (const cleanup of cleanups) cleanup();
      settle();
    };
    if (signal?.aborted) return reject(signal.reason as Error);
    const subscription = subscribe(
      (value) => end(() => resolve(value)),
      (error) => end(() => reject(error as Error))
    );
    cleanups.push(() => subscription[Symbol.dispose]());
    if (signal !== undefined) {
      const onAbort = (): void => end(() => reject(signal.reason as Error));
      signal.addEventListener('abort', onAbort, { once: true });
      cleanups.push(() => signal.removeEventListener('abort', onAbort));
    }
    if (timeoutMs !== undefined) {
      const alarm = clock.setAlarm(() => end(() => reject(new TimeoutError(subject, timeoutMs))), timeoutMs);
      cleanups.push(() => alarm[Symbol.dispose]());
    }
  });
}
