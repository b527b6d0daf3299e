import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from './failure.ts';

/** Where stores are unless the user names one. */
const folder = '.fleet';
const extension = '.db';

/** The store of a run that names none. @param name - Of the input. */
export function storePathFor(name: string): string {
  return join(folder, `${name}${extension}`);
}

/** The store that the user means: the named one, or the only one. @throws {UsageError} */
export async function findStore(named: string | undefined): Promise<string> {
  if (named !== undefined) return named;
  const names = await readdir(folder).catch(() => []);
  const stores = names.filter((name) => name.endsWith(extension)).sort();
  if (stores.length === 1) return join(folder, stores[0]!);
  throw new UsageError(
    stores.length === 0
      ? `there is no store in ${folder}/; pass --store <file>`
      : `there are ${stores.length} stores in ${folder}/; pass one of them: ` +
          stores.map((name) => `--store ${join(folder, name)}`).join(', ')
  );
}
