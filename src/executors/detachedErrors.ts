import { currentAttempt, outsideAttempts } from '../handlers/currentAttempt.ts';

// Captured when the library loads: a handler may replace them.
const nextTick = process.nextTick.bind(process);
const { setImmediate: setSoon } = globalThis;

/** Known to every copy of the library in the process: listeners that only look for errors of handlers. */
const mark = Symbol.for('xstate-fleet.detachedErrors');

const onException = Object.assign((error: unknown) => take('uncaughtException', error), { [mark]: true });
const onRejection = Object.assign((reason: unknown) => take('unhandledRejection', reason), { [mark]: true });

type ErrorEvent = 'uncaughtException' | 'unhandledRejection';

let watches = 0;

/**
 * Gives errors that detached code of handlers throws, of a forgotten promise or in a timer, to their attempts,
 * until it is disposed of.
 *
 * Every other error ends as if nobody watched: it goes to the other listeners of the process, and where there are
 * none to Node's default, which ends the process.
 */
export function watchDetachedErrors(): Disposable {
  watches += 1;
  listen();
  let isWatching = true;
  return {
    [Symbol.dispose]() {
      if (!isWatching) return;
      isWatching = false;
      watches -= 1;
      if (watches === 0) leave();
    }
  };
}

function listen(): void {
  leave();
  // First in line, to see the other listeners: one that is called only once is gone when it has been called.
  process.prependListener('uncaughtException', onException);
  process.prependListener('unhandledRejection', onRejection);
}

function leave(): void {
  process.off('uncaughtException', onException);
  process.off('unhandledRejection', onRejection);
}

function take(event: ErrorEvent, error: unknown): void {
  const attempt = currentAttempt();
  if (attempt !== undefined && outsideAttempts(() => attempt.takeDetached(error))) return;
  if (!isHeardByOthers(event)) passOn(event, error);
}

function isHeardByOthers(event: ErrorEvent): boolean {
  return process.rawListeners(event).some((listener) => !(mark in listener));
}

/** Throws the error anew where nobody listens, so that Node does with it what it was told to. */
function passOn(event: ErrorEvent, error: unknown): void {
  leave();
  if (event === 'unhandledRejection') void Promise.reject(error as Error);
  else
    nextTick(() => {
      throw error;
    });
  // Node may have been told to go on.
  setSoon(() => {
    if (watches > 0) listen();
  });
}
