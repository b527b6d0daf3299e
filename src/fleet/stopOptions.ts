import { assertBoolean, assertDuration, readOptions } from '../validation/validation.ts';

export interface StopOptions {
  /** Whether running tasks may finish. Defaults to `true`. */
  readonly graceful?: boolean;
  /** How long they may take, ms; then they are aborted, uncharged. Defaults to 30,000. */
  readonly timeoutMs?: number;
}

/** The options with their defaults. @throws {ValidationError} */
export function readStopOptions(options: StopOptions): Required<StopOptions> {
  const { graceful = true, timeoutMs = 30_000 } = readOptions('options', options, ['graceful', 'timeoutMs']);
  assertBoolean('graceful', graceful);
  assertDuration('timeoutMs', timeoutMs, 0);
  return { graceful, timeoutMs };
}
