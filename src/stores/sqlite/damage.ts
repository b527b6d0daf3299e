/** What is damaged: the log, the definition of the tables, or a row. */
export type DamagedPart = 'log' | 'schema' | 'row';

/** What is stored is not what was written. Reaches the caller as `CorruptStoreError`, with the path of the store. */
export class DamageError extends Error {
  override readonly name = 'DamageError';
  readonly part: DamagedPart;

  constructor(message: string, part: DamagedPart = 'row') {
    super(message);
    this.part = part;
  }
}

/** @param what - Is damaged, such as `the row of task 7`. */
export function damaged(what: string, part: DamagedPart = 'row'): DamageError {
  return new DamageError(`${what} is damaged: what is stored is not what was written`, part);
}
