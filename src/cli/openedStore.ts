import { NotFoundError } from '../errors.ts';
import { FleetReader } from '../fleet/fleetReader.ts';
import type { StoreReader } from '../store.ts';
import { quote } from '../validation/show.ts';
import { UsageError } from './failure.ts';
import { readerAt, shownPlace } from '../stores/storeAt.ts';
import { findStore } from './storePath.ts';

/** Options of the commands that look at a store. */
export interface StoreOptions {
  readonly store?: string;
  readonly fleet: string;
}

/** A store that exists and holds the fleet, opened beside whoever owns it. */
export interface OpenedStore extends AsyncDisposable {
  readonly path: string;
  readonly scope: string;
  readonly store: StoreReader;
  readonly reader: FleetReader;
}

/** @throws {UsageError} when there is no such store, or no such fleet in it. */
export async function openStore({ store: named, fleet: scope }: StoreOptions): Promise<OpenedStore> {
  const address = await findStore(named);
  const path = shownPlace(address);
  const store = await readerAt(address);
  try {
    const scopes = await store.listScopes();
    if (!scopes.includes(scope)) {
      const others = scopes.map((name) => quote(name)).join(', ');
      const hint = others === '' ? 'it holds none' : `it holds ${others}: pass --fleet`;
      throw new UsageError(`store ${path} holds no fleet ${quote(scope)}; ${hint}`);
    }
  } catch (error) {
    await store.close();
    throw error;
  }
  return {
    path,
    scope,
    store,
    reader: new FleetReader(store, scope),
    [Symbol.asyncDispose]: () => store.close()
  };
}

/** Whether a name is that of a batch or of a task. @throws {NotFoundError} */
export async function kindOf(name: string, { store, scope, reader }: OpenedStore): Promise<'batch' | 'task'> {
  if ((await store.readBatch(scope, name)) !== null) return 'batch';
  if (await reader.hasTask(name)) return 'task';
  throw new NotFoundError(name.includes('/') ? 'task' : 'batch', name);
}
