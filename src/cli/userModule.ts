import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError } from './failure.ts';

/**
 * Loads what a module of the user's has.
 *
 * @param what - What messages call it, such as `the handlers`.
 * @param load - Imports it from its URL.
 * @throws {UsageError} when it is not there or does not load.
 */
export async function loadUserModule<T>(
  path: string,
  what: string,
  load: (url: string) => Promise<T>
): Promise<T> {
  const file = resolve(path);
  try {
    await access(file);
  } catch (error) {
    throw new UsageError(`${what} ${path} cannot be read: ${(error as Error).message}`);
  }
  try {
    return await load(pathToFileURL(file).href);
  } catch (error) {
    const reason = error instanceof UsageError ? error.message : reasonOf(error);
    throw new UsageError(`${what} ${path} do not load: ${reason}`);
  }
}

/** The message, and where it was thrown: a syntax error says that only in its stack. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = /(?:^|[\s(])(?:file:\/\/)?(\/[^\s()]+:\d+(?::\d+)?)/.exec(error.stack ?? '')?.[1];
  const isTold = place === undefined || error.message.includes(place);
  return `${error.name}: ${error.message}${isTold ? '' : ` (${place})`}`;
}
