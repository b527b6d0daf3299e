import type { Clock } from './clock.ts';

/** Resolves after `ms`. @throws the signal's reason, at once. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const onAbort = (): void => {
      alarm[Symbol.dispose]();
      reject(signal.reason as Error);
    };
    const alarm = clock.setAlarm(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
