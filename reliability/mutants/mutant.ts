/** A small fault that somebody could make, and that others have made. */
export interface Mutant {
  /** What goes wrong. */
  readonly name: string;
  readonly file: string;
  /** Source text that occurs once in the file. */
  readonly find: string;
  /** What it becomes. */
  readonly replace: string;
  /** Tests that are asked first; all others are asked only when these find nothing. */
  readonly tests: readonly string[];
}

/** @throws {Error} when the text is not there, or not there alone: the code has moved on. */
export function applyMutant(source: string, { name, file, find, replace }: Mutant): string {
  const parts = source.split(find);
  if (parts.length === 2) return parts.join(replace);
  throw new Error(
    `Mutant "${name}": its text occurs ${parts.length - 1} times in ${file}, it has to occur once`
  );
}
