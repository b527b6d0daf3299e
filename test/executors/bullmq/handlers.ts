// Handlers of the tests of remote workers, beside those of all executors.
import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import type { HandlerContext } from '../../../src/handlers/handler.ts';
import { withSchema } from '../../../src/submission/schema.ts';

/** Runs until the file of that path is there. Ends by an abort too, and says so. */
export const untilFile = async (path: string, { signal, progress }: HandlerContext): Promise<string> => {
  progress('waiting');
  while (!existsSync(path)) {
    if (signal.aborted) return (signal.reason as Error).message;
    await wait(5);
  }
  return 'found';
};

/** Doubles numbers: its schema reads them from texts. */
export const doubled = withSchema(
  {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (data) =>
        typeof data === 'string'
          ? { value: Number(data) }
          : { issues: [{ message: 'is no text', path: ['n'] }] }
    }
  } as const,
  (data) => (data as number) * 2
);

export interface Traced {
  /** A file, to which the handler writes what it does. */
  readonly log: string;
  /** It ends when this file is there; absent: at once. */
  readonly gate?: string;
  readonly ending?: 'exit' | 'throwTwice';
}

/** Writes when it begins, and when it is aborted, which ends it. */
export const traced = async (
  { log, gate, ending }: Traced,
  { task, attempt, signal }: HandlerContext
): Promise<number> => {
  const write = (word: string): void => appendFileSync(log, `${word} ${task.id} ${attempt}\n`);
  write('begun');
  const mustWait = (): boolean => gate !== undefined && !existsSync(gate);
  while (mustWait()) {
    if (signal.aborted) {
      write('aborted');
      throw signal.reason as Error;
    }
    await wait(5);
  }
  if (ending === 'exit') process.exit(3);
  if (ending === 'throwTwice' && attempt < 3) throw new Error(`of attempt ${attempt}`);
  return attempt;
};
