import { stripVTControlCharacters } from 'node:util';
import { escapeControls } from '../validation/show.ts';

/** Control characters, and those that reorder text: none of them is the user's to send to a terminal. */
const unprintable = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+/gu;

/** Text that somebody else wrote, as it may be printed: one line, and nothing that a terminal obeys. */
export function printable(text: string): string {
  return stripVTControlCharacters(text).replaceAll(unprintable, ' ').trim();
}

/** The same for text of several lines. */
export function printableLines(text: string): string {
  return text
    .split('\n')
    .map((line) => stripVTControlCharacters(line).replaceAll(unprintable, ' '))
    .join('\n');
}

/** JSON text of a value, on one line, with what a terminal obeys escaped where JSON leaves it as it is. */
export function jsonLine(value: unknown): string {
  return `${escapeControls(JSON.stringify(value))}\n`;
}

/** A reader that goes away, as `head` does, is no error of the program. */
export function guardOutput(): void {
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
}

/**
 * Prints to standard output.
 *
 * @returns `false` when nobody reads it any more.
 * @throws what else makes it impossible, such as a full disk.
 */
export function print(text: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    if (process.stdout.destroyed) return resolve(false);
    process.stdout.write(text, (error) => {
      if (error == null) resolve(true);
      else if ((error as NodeJS.ErrnoException).code === 'EPIPE' || process.stdout.destroyed) resolve(false);
      else reject(error);
    });
  });
}

/** A word as a POSIX shell reads it back. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${printable(text).replaceAll("'", `'\\''`)}'`;
}
