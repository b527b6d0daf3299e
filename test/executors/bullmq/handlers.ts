// Handlers of the tests of remote workers, beside those of all executors.
import { existsSync } from 'node:fs';
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
