import { access } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Handler, Handlers } from '../handler.ts';
import { UsageError } from './failure.ts';

const typescriptExtensions = new Set(['.ts', '.mts', '.cts', '.tsx']);

/** Names of exports that are no task types. */
const notTypes = new Set(['default', 'module.exports']);

/**
 * Loads a module of handlers: the functions that it exports by name, and those of its default export when that
 * is an object. Their names are the task types.
 *
 * @throws {UsageError} when it cannot be loaded or exports none.
 */
export async function loadHandlers(path: string): Promise<Handlers> {
  const module = await load(path);
  const handlers = new Map<string, Handler>();
  for (const [type, exported] of [...entriesOf(defaultOf(module)), ...entriesOf(module)]) {
    if (!notTypes.has(type) && typeof exported === 'function') handlers.set(type, exported as Handler);
  }
  if (handlers.size > 0) return Object.fromEntries(handlers);
  throw new UsageError(
    `${path} exports no handlers; export a function for each task type, such as ` +
      '`export async function resize(data) { … }`'
  );
}

async function load(path: string): Promise<Record<string, unknown>> {
  const file = resolve(path);
  try {
    await access(file);
  } catch (error) {
    throw new UsageError(`the handlers ${path} cannot be read: ${(error as Error).message}`);
  }
  try {
    if (typescriptExtensions.has(extname(file))) await registerTypeScript();
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    throw new UsageError(`the handlers ${path} do not load: ${reasonOf(error)}`);
  }
}

/** For either kind of module: which one a file is, the nearest package.json says. */
async function registerTypeScript(): Promise<void> {
  (await import('tsx/cjs/api')).register();
  (await import('tsx/esm/api')).register();
}

/** The default export. A CommonJS module has all its exports there, its own default among them. */
function defaultOf({ default: exported }: Record<string, unknown>): unknown {
  const entries = entriesOf(exported);
  const own = entries.find(([name]) => name === 'default')?.[1];
  return own === undefined
    ? exported
    : { ...Object.fromEntries(entries), ...Object.fromEntries(entriesOf(own)) };
}

function entriesOf(exported: unknown): [string, unknown][] {
  return typeof exported === 'object' && exported !== null ? Object.entries(exported) : [];
}

/** The message, and where it was thrown: a syntax error says that only in its stack. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = /(?:^|[\s(])(?:file:\/\/)?(\/[^\s()]+:\d+(?::\d+)?)/.exec(error.stack ?? '')?.[1];
  const isTold = place === undefined || error.message.includes(place);
  return `${error.name}: ${error.message}${isTold ? '' : ` (${place})`}`;
}
