import type { Handlers } from '../handlers/handler.ts';
import { importHandlers } from '../handlers/handlerModule.ts';
import { UsageError } from './failure.ts';
import { loadUserModule } from './userModule.ts';

/** Loads a module of handlers. @throws {UsageError} when it cannot be loaded or exports none. */
export async function loadHandlers(path: string): Promise<Handlers> {
  const handlers = await loadUserModule(path, 'the handlers', importHandlers);
  if (handlers !== null) return handlers;
  throw new UsageError(
    `${path} exports no handlers; export a function for each task type, such as ` +
      '`export async function resize(data) { … }`'
  );
}
