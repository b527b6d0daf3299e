import { openStore, type StoreOptions } from './openedStore.ts';
import { resultLines } from './resultLines.ts';
import { print } from './terminal.ts';

export interface ResultsOptions extends StoreOptions {
  readonly batch?: string;
  readonly failed?: boolean;
  readonly limit?: number;
}

/** `results`: prints what settled. */
export async function results({ batch, failed, limit, ...options }: ResultsOptions): Promise<number> {
  await using opened = await openStore(options);
  // An unknown batch is an error, one without results is not.
  if (batch !== undefined) await opened.reader.getBatchStatus(batch);
  const lines = resultLines(opened.store, opened.scope, {
    ...(batch !== undefined && { batchId: batch }),
    ...(failed && { success: false }),
    ...(limit !== undefined && { limit })
  });
  for await (const text of lines) if (!(await print(text))) break;
  return 0;
}
