/** What is stored is not what was written. Reaches the caller as `CorruptStoreError`, with the path of the store. */
export class DamageError extends Error {
  override readonly name = 'DamageError';
}

/** @param what - Is damaged, such as `the row of task 7`. */
export function damaged(what: string): DamageError {
  return new DamageError(`${what} is damaged: what is stored is not what was written`);
}
