import type { Handler, Handlers } from './handler.ts';
import { importModule } from './moduleImport.ts';

/** Names of exports that are no task types. */
const notTypes = new Set(['default', 'module.exports']);

/**
 * Imports a module of handlers: the functions that it exports by name, those of its default export when that is an
 * object, and those of its export `handlers` when that is one. Their names are the task types.
 *
 * TypeScript is loaded through `tsx`, whatever runs this process.
 *
 * @param url - Of the module, as `import()` takes it.
 * @returns At least one handler; `null`: it exports none.
 * @throws what the module throws at import, or why it cannot be loaded.
 */
export async function importHandlers(url: string): Promise<Handlers | null> {
  const module = await importModule(url);
  const handlers = new Map<string, Handler>();
  const exported = [...entriesOf(defaultOf(module)), ...entriesOf(module), ...entriesOf(module.handlers)];
  for (const [type, handler] of exported) {
    if (!notTypes.has(type) && typeof handler === 'function') handlers.set(type, handler as Handler);
  }
  return handlers.size === 0 ? null : Object.fromEntries(handlers);
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
