import { statSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { DriverError, isSqliteError } from './failure.ts';
import type { Database, OpenDatabase } from './library.ts';

const busy = 5;

/** Another process that looks whether the lock is held has it for a moment, ms. */
const glanceMs = 50;

/**
 * The lock that makes a process the owner of a store file: an exclusive transaction on the empty database
 * `<path>-lock`, held for as long as it owns.
 *
 * The kernel drops it when the process dies, however it dies, so there is nothing to expire and no process id
 * to mistake for another's. The file stays; it must not be deleted while a fleet runs.
 */
export class OwnerLock {
  readonly #storePath: string;
  readonly #path: string;
  readonly #open: OpenDatabase;
  #held: { readonly database: Database; readonly inode: number } | null = null;

  constructor(storePath: string, open: OpenDatabase) {
    this.#storePath = storePath;
    this.#path = `${storePath}-lock`;
    this.#open = open;
  }

  /** Whether the lock is held, and on the file that others see. */
  get isHeld(): boolean {
    return this.#held !== null && this.#held.inode === inodeOf(this.#path);
  }

  /** Whether anybody has it, in this process or another one. Makes no file. */
  get isTaken(): boolean {
    if (inodeOf(this.#path) === 0) return false;
    const location = pathToFileURL(this.#path);
    location.searchParams.set('mode', 'ro');
    try {
      const database = this.#open(location.href, { timeout: 0, readOnly: true });
      try {
        database.exec('SELECT count(*) FROM sqlite_schema');
        return false;
      } finally {
        database.close();
      }
    } catch (error) {
      return isSqliteError(error) && (error.errcode & 0xff) === busy;
    }
  }

  /** Takes it at once or not at all. Idempotent. @param nameOwner - Called when another process has it. */
  acquire(nameOwner: () => string): void {
    if (this.#held) return;
    const database = this.#open(this.#path, { timeout: glanceMs });
    try {
      // Without a journal, no other file is made beside it.
      database.exec('PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE');
    } catch (error) {
      database.close();
      if (!isSqliteError(error) || (error.errcode & 0xff) !== busy) throw error;
      throw new DriverError({ kind: 'locked', path: this.#storePath, owner: nameOwner() });
    }
    this.#held = { database, inode: inodeOf(this.#path) };
  }

  /** Idempotent. */
  release(): void {
    this.#held?.database.close();
    this.#held = null;
  }
}

function inodeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? 0;
}
