import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Handlers } from '../handlers/handler.ts';
import { importHandlers } from '../handlers/handlerModule.ts';
import { UsageError } from './failure.ts';

/** Loads a module of handlers. @throws {UsageError} when it cannot be loaded or exports none. */
export async function loadHandlers(path: string): Promise<Handlers> {
  const handlers = await load(path);
  if (handlers !== null) return handlers;
  throw new UsageError(
    `${path} exports no handlers; export a function for each task type, such as ` +
      '`export async function resize(data) { … }`'
  );
}

async function load(path: string): Promise<Handlers | null> {
  const file = resolve(path);
  try {
    await access(file);
  } catch (error) {
    throw new UsageError(`the handlers ${path} cannot be read: ${(error as Error).message}`);
  }
  try {
    return await importHandlers(pathToFileURL(file).href);
  } catch (error) {
    throw new UsageError(`the handlers ${path} do not load: ${reasonOf(error)}`);
  }
}

/** The message, and where it was thrown: a syntax error says that only in its stack. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = /(?:^|[\s(])(?:file:\/\/)?(\/[^\s()]+:\d+(?::\d+)?)/.exec(error.stack ?? '')?.[1];
  const isTold = place === undefined || error.message.includes(place);
  return `${error.name}: ${error.message}${isTold ? '' : ` (${place})`}`;
}
