import { closeSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DriverError, isHotJournal, refusal } from './failure.ts';
import type { Database, OpenDatabase } from './library.ts';
import { applicationId, createSchema, schemaVersion } from './schema.ts';

export type Durability = 'full' | 'process' | 'none';

const synchronous: Readonly<Record<Durability, string>> = { full: 'FULL', process: 'NORMAL', none: 'OFF' };

/** The log is written back into the database when it has this many pages of 4 KiB, ... */
const checkpointPages = 4_000;
/** ... and its file is cut to this size when a long read had made it grow beyond. */
const maxLogBytes = 64 * 1024 * 1024;
const cacheKiB = 64 * 1024;

/** The smallest database of SQLite has one page of this size, bytes. */
const smallestPage = 512;

/** Which file a path named when it was opened. */
export interface FileIdentity {
  readonly device: number;
  readonly inode: number;
}

/**
 * The database file of a store.
 *
 * It is looked at through SQLite and `stat` alone, never opened otherwise: closing any descriptor of a file
 * drops all locks that the process has on it.
 */
export class StoreFile {
  readonly path: string;
  readonly #open: OpenDatabase;
  readonly #durability: Durability;
  readonly #busyTimeoutMs: number;

  constructor(path: string, open: OpenDatabase, durability: Durability, busyTimeoutMs: number) {
    this.path = path;
    this.#open = open;
    this.#durability = durability;
    this.#busyTimeoutMs = busyTimeoutMs;
  }

  /**
   * Looks at what is there, without changing a byte of it.
   *
   * @throws {DriverError} when it is not a store, or one of another version.
   */
  inspect(): 'absent' | 'empty' | 'store' {
    const stat = statSync(this.path, { throwIfNoEntry: false });
    if (!stat) return 'absent';
    if (!stat.isFile()) throw this.#corrupt('it is not a file');
    if (stat.size === 0) return 'empty';
    // SQLite itself takes a file of one byte for an empty one.
    if (stat.size < smallestPage) throw this.#corrupt('it is shorter than a page');
    const database = this.#connect('ro');
    try {
      return this.#kindOf(database);
    } catch (error) {
      if (isHotJournal(error) && this.#isHalfMade()) return 'empty';
      throw error;
    } finally {
      database.close();
    }
  }

  /** Opens what is there, for readers and for commands. */
  openExisting(): Database {
    const kind = this.inspect();
    if (kind !== 'store') {
      const problem = kind === 'absent' ? 'does not exist' : 'is empty';
      const message = `Store ${this.path} ${problem}: start a fleet with it first, or correct the path`;
      throw refusal('ERR_STORE_IO', message);
    }
    const database = this.#connect('rw');
    database.exec(`PRAGMA synchronous = ${synchronous[this.#durability]}; PRAGMA cache_size = -${cacheKiB}`);
    return database;
  }

  /** Opens it for its owner, and makes it when there is none. Call it under the owner's lock only. */
  openOwned(): Database {
    const database = this.#connect('rwc');
    try {
      database.exec('PRAGMA journal_mode = WAL');
      database.exec(
        `PRAGMA synchronous = ${synchronous[this.#durability]}; PRAGMA wal_autocheckpoint = ${checkpointPages}; ` +
          `PRAGMA journal_size_limit = ${maxLogBytes}; PRAGMA cache_size = -${cacheKiB}; PRAGMA temp_store = MEMORY`
      );
      if (pragma(database, 'user_version') === 0) createSchema(database);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  identity(): FileIdentity | null {
    return identityOf(this.path);
  }

  /** Which log, and which index of it, lie beside an open database. */
  logIdentity(): readonly (FileIdentity | null)[] {
    return [identityOf(`${this.path}-wal`), identityOf(`${this.path}-shm`)];
  }

  #connect(mode: 'ro' | 'rw' | 'rwc'): Database {
    const location = pathToFileURL(this.path);
    // Only `rwc` may make a file; opening by plain path always does.
    location.searchParams.set('mode', mode);
    // `timeout` is SQLite's `busy_timeout`: it holds from the very first statement.
    return this.#open(location.href, { timeout: this.#busyTimeoutMs, readOnly: mode === 'ro' });
  }

  #kindOf(database: Database): 'empty' | 'store' {
    const [application, version] = [pragma(database, 'application_id'), pragma(database, 'user_version')];
    const { tables } = database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get() as {
      tables: number;
    };
    if (application === 0 && version === 0 && tables === 0) return 'empty';
    if (application !== applicationId) {
      throw this.#corrupt('it is the database of another program');
    }
    if (version !== schemaVersion) {
      throw new DriverError({ kind: 'version', path: this.path, found: version, expected: schemaVersion });
    }
    return 'store';
  }

  /**
   * Whether the process or the power ended while the file was made: its journal says that it had no page before.
   * SQLite empties it when it is opened for writing, and refuses until then to read it.
   */
  #isHalfMade(): boolean {
    const journal = openSync(`${this.path}-journal`, 'r');
    try {
      const pagesBefore = Buffer.alloc(4);
      return readSync(journal, pagesBefore, 0, 4, 16) === 4 && pagesBefore.readUInt32BE() === 0;
    } finally {
      closeSync(journal);
    }
  }

  #corrupt(reason: string): DriverError {
    return new DriverError({ kind: 'corrupt', path: this.path, reason });
  }
}

function pragma(database: Database, name: 'application_id' | 'user_version'): number {
  return Object.values(database.prepare(`PRAGMA ${name}`).get() as Record<string, number>)[0] ?? 0;
}

function identityOf(path: string): FileIdentity | null {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? { device: stat.dev, inode: stat.ino } : null;
}

/** The path without symbolic links, so that a file has one lock whatever name it is opened by. */
export function canonicalPath(path: string): string {
  return realPath(path) ?? join(realPath(dirname(path)) ?? dirname(path), basename(path));
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    // It is not there yet; opening it says what is wrong.
    return undefined;
  }
}
