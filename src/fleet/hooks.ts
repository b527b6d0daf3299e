import type { Clock } from '../clock.ts';
import { TimeoutError } from '../errors.ts';
import { warnOf } from '../validation/warning.ts';

/** How long a hook is waited for, ms. */
const longestHookMs = 5_000;

/** Calls methods that a subclass overrides, so that nothing that they do changes what they are told of. */
export class Hooks {
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;

  /** @param onError - Told what a hook threw, and of one that hangs. Defaults to a warning of the process. */
  constructor(clock: Clock, onError: (error: unknown) => void = (error) => warnOf('A hook', error)) {
    this.#clock = clock;
    this.#onError = onError;
  }

  /** Resolves when the hook has ended, or has taken five seconds. Never rejects. */
  async call(name: string, hook: () => unknown): Promise<void> {
    try {
      const returned = hook();
      if (typeof returned === 'object' && returned !== null) await this.#within(name, returned);
    } catch (error) {
      this.report(error);
    }
  }

  /** Never throws. */
  report(error: unknown): void {
    try {
      this.#onError(error);
    } catch (thrown) {
      warnOf('A listener of errors', thrown);
    }
  }

  #within(name: string, returned: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const alarm = this.#clock.setAlarm(
        () => reject(new TimeoutError(`The hook ${name}`, longestHookMs)),
        longestHookMs
      );
      Promise.resolve(returned)
        .then(resolve, reject)
        .finally(() => alarm[Symbol.dispose]());
    });
  }
}
