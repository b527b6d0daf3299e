// Handlers of the executors' tests. They run in this process, in a thread, in a process of their own.
import { setImmediate as soon } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import type { Json } from '../../machines/task.ts';
import { NonRetryableError } from '../../src/errors.ts';
import type { HandlerContext } from '../../src/handlers/handler.ts';

export const echo = (data: Json): Json => data;

export const nothing = (): void => {};

export const told = (_: Json, { task, key, attempt, workerId }: HandlerContext) => ({
  task,
  key,
  attempt,
  workerId
});

export const refuse = (error: string) => ({ success: false, error });

export const throwIt = (): never => {
  throw Object.assign(new RangeError('too far'), { code: 'E_FAR' });
};

export const rejectWith = (data: Json) => Promise.reject(data as unknown as Error);

export const giveUp = (): never => {
  throw new NonRetryableError('never');
};

export const bigInt = (): bigint => 1n;

/** Ends when it is aborted, and says why. */
export const obey = async (_: Json, { signal, progress }: HandlerContext): Promise<string> => {
  progress('listening');
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  return (signal.reason as Error).message;
};

/** Ends after the abort, which it ignores. */
export const ignore = async (_: Json, { signal, progress }: HandlerContext): Promise<string> => {
  progress('listening');
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  for (let rounds = 0; rounds < 5; rounds++) await soon();
  return 'late';
};

export const hang = (_: Json, { progress }: HandlerContext): Promise<never> => {
  progress('hanging');
  return new Promise(() => {});
};

/** Hangs in its first attempt alone. */
export const hangOnce = (data: Json, context: HandlerContext): unknown =>
  context.attempt === 1 ? hang(data, context) : data;

export const tell = (_: Json, { progress, log }: HandlerContext): string => {
  progress({ percent: 50 });
  log('a line');
  log('x'.repeat(5_000));
  return 'told';
};

export const stray = (): Promise<never> => {
  void Promise.reject(new Error('stray'));
  return new Promise(() => {});
};

export const strayLate = (): string => {
  setImmediate(() => {
    throw new Error('stray');
  });
  return 'done';
};

// What takes a thread or process down.

export const block = (_: Json, { progress }: HandlerContext): never => {
  progress('blocking');
  for (;;);
};

/** Blocks in its first attempt alone. */
export const blockOnce = (data: Json, context: HandlerContext): unknown =>
  context.attempt === 1 ? block(data, context) : data;

export const exit = (): never => process.exit(3);

/** Ends its worker in its first attempt alone. */
export const exitOnce = (data: Json, { attempt }: HandlerContext): Json =>
  attempt === 1 ? process.exit(3) : data;

export const exitLater = (): string => {
  setTimeout(() => process.exit(4), 1);
  return 'done';
};

export const crash = (): never => process.abort();

export const exhaust = (): number => {
  const hoard: number[][] = [];
  for (;;) hoard.push(Array.from({ length: 10_000 }, (_, index) => index));
};

export const interrupt = async (): Promise<string> => {
  process.kill(process.pid, 'SIGINT');
  process.kill(process.pid, 'SIGTERM');
  for (let rounds = 0; rounds < 20; rounds++) await soon();
  return 'alive';
};

export const disconnect = (): Promise<never> => {
  process.disconnect();
  return new Promise(() => {});
};

/** Talks on the line that belongs to its executor. */
export const babble = (): string => {
  for (const junk of [null, 'junk', 7, {}, { type: 'nonsense' }]) {
    if (parentPort) parentPort.postMessage(junk);
    else process.send?.(junk);
  }
  return 'done';
};
