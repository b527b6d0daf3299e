import { closeSync, existsSync, fsyncSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DamageError } from './damage.ts';
import { DriverError, isHotJournal, refusal } from './failure.ts';
import type { Database, OpenDatabase } from './library.ts';
import { migrate } from './migrations.ts';
import type { OwnerLock } from './ownerLock.ts';
import { RowReader } from './rowReader.ts';
import { applicationId, createSchema, requireThisSchema, schemaVersion } from './schema.ts';
import { Statements } from './statements.ts';
import type { TurnMark } from './turnMark.ts';
import { readLog } from './walLog.ts';

export type Durability = 'full' | 'process' | 'none';

const synchronous: Readonly<Record<Durability, string>> = { full: 'FULL', process: 'NORMAL', none: 'OFF' };

/** The log is written back into the database when it has this many pages of 4 KiB, ... */
const checkpointPages = 4_000;
/** ... and its file is cut to this size when a long read had made it grow beyond. */
const maxLogBytes = 64 * 1024 * 1024;
const cacheKiB = 64 * 1024;

/** The smallest database of SQLite has one page of this size, bytes. */
const smallestPage = 512;

export interface StoreFileOptions {
  readonly path: string;
  readonly open: OpenDatabase;
  readonly durability: Durability;
  readonly busyTimeoutMs: number;
  readonly lock: OwnerLock;
  readonly mark: TurnMark;
}

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
  readonly #lock: OwnerLock;
  readonly #mark: TurnMark;

  constructor({ path, open, durability, busyTimeoutMs, lock, mark }: StoreFileOptions) {
    this.path = path;
    this.#open = open;
    this.#durability = durability;
    this.#busyTimeoutMs = busyTimeoutMs;
    this.#lock = lock;
    this.#mark = mark;
  }

  /**
   * Looks at what is there, without changing a byte of it.
   *
   * @throws {DriverError} when it is not a store, or one of a later version.
   * @throws {DamageError} when its tables or its log are not as they were written.
   */
  inspect(): 'absent' | 'empty' | 'older' | 'store' {
    const stat = statSync(this.path, { throwIfNoEntry: false });
    if (!stat) return this.#withoutTurns('absent');
    if (!stat.isFile()) throw this.#corrupt('it is not a file');
    if (stat.size === 0) return this.#withoutTurns('empty');
    // SQLite itself takes a file of one byte for an empty one.
    if (stat.size < smallestPage) throw this.#corrupt('it is shorter than a page');
    // Before the first connection: the last one to close writes back what SQLite takes for the whole log.
    const isLogDamaged = !this.#lock.isTaken && this.#isLogDamaged();
    const database = this.openToRead();
    try {
      const kind = this.#kindOf(database);
      if (kind === 'store') {
        requireThisSchema(database);
        const isFull = metaOf(database, 'durability') === 'full';
        if (isFull && isLogDamaged)
          throw new DamageError(`its log ${this.path}-wal is damaged ${loss(this.#mark)}`, 'log');
        if (isFull) requireTurns(database, this.#mark);
      }
      return kind;
    } catch (error) {
      if (isHotJournal(error) && this.#isHalfMade()) return 'empty';
      throw error;
    } finally {
      database.close();
    }
  }

  /** Opens what is there for one who changes nothing, and makes no file beside it where there is none. */
  openToRead(): Database {
    const isAlone = !existsSync(`${this.path}-wal`) && !existsSync(`${this.path}-journal`);
    return this.#connect(isAlone ? { mode: 'ro', immutable: '1' } : { mode: 'ro' });
  }

  /** Opens what is there, for readers and for commands. */
  openExisting(): Database {
    const kind = this.inspect();
    if (kind === 'older') throw this.#otherVersion(this.version());
    if (kind !== 'store') {
      const problem = kind === 'absent' ? 'does not exist' : 'is empty';
      const message = `Store ${this.path} ${problem}: start a fleet with it first, or correct the path`;
      throw refusal('ERR_STORE_IO', message);
    }
    const database = this.#connect({ mode: 'rw' });
    // A command is flushed whatever the owner's durability: what is flushed in order can be checked.
    database.exec(`PRAGMA synchronous = FULL; PRAGMA cache_size = -${cacheKiB}`);
    return database;
  }

  /** Opens it for its owner, and makes it when there is none. Call it under the owner's lock only. */
  openOwned(): Database {
    if (this.#durability === 'full') this.#flushLog();
    const database = this.#connect({ mode: 'rwc' });
    try {
      database.exec('PRAGMA journal_mode = WAL');
      database.exec(
        `PRAGMA synchronous = ${synchronous[this.#durability]}; PRAGMA wal_autocheckpoint = ${checkpointPages}; ` +
          `PRAGMA journal_size_limit = ${maxLogBytes}; PRAGMA cache_size = -${cacheKiB}; PRAGMA temp_store = MEMORY`
      );
      const version = pragma(database, 'user_version');
      if (version === 0) createSchema(database);
      else migrate(database, version);
      this.#recordDurability(database);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  version(): number {
    const database = this.openToRead();
    try {
      return pragma(database, 'user_version');
    } finally {
      database.close();
    }
  }

  identity(): FileIdentity | null {
    return identityOf(this.path);
  }

  /** Which log, and which index of it, lie beside an open database. */
  logIdentity(): readonly (FileIdentity | null)[] {
    return [identityOf(`${this.path}-wal`), identityOf(`${this.path}-shm`)];
  }

  bytes(): number {
    return statSync(this.path, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** 0 when there is no log, and when all of it was written back. */
  logBytes(): number {
    return statSync(`${this.path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  }

  #connect(parameters: { readonly mode: 'ro' | 'rw' | 'rwc'; readonly immutable?: string }): Database {
    const location = pathToFileURL(this.path);
    // Only `rwc` may make a file; opening by plain path always does.
    for (const [name, value] of Object.entries(parameters)) location.searchParams.set(name, value);
    // `timeout` is SQLite's `busy_timeout`: it holds from the very first statement.
    return this.#open(location.href, { timeout: this.#busyTimeoutMs, readOnly: parameters.mode === 'ro' });
  }

  /**
   * What a process that was killed has written and not flushed is taken in like the rest of the log, and what is
   * written next would be flushed together with it. A power cut in between could tear it and leave what follows:
   * that is what damage looks like. So it is flushed first.
   */
  #flushLog(): void {
    if (this.logBytes() === 0) return;
    const log = openSync(`${this.path}-wal`, 'r+');
    try {
      fsyncSync(log);
    } finally {
      closeSync(log);
    }
  }

  /** In the database itself before anything is written under it: it says how far the log can be trusted. */
  #recordDurability(database: Database): void {
    if (metaOf(database, 'durability') === this.#durability) return;
    database
      .prepare("INSERT OR REPLACE INTO meta (name, value) VALUES ('durability', ?)")
      .run(this.#durability);
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  }

  /** A process that leaves a command may write while the log is read: damage stays, that does not. */
  #isLogDamaged(): boolean {
    const first = readLog(this.path);
    if (!first.isDamaged) return false;
    const second = readLog(this.path);
    return second.isDamaged && second.bytes === first.bytes && second.frames === first.frames;
  }

  #kindOf(database: Database): 'empty' | 'older' | 'store' {
    // As of one moment: its owner may be making it.
    database.exec('BEGIN');
    const [application, version] = [pragma(database, 'application_id'), pragma(database, 'user_version')];
    const { tables } = database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get() as {
      tables: number;
    };
    database.exec('COMMIT');
    if (application === 0 && version === 0 && tables === 0) return 'empty';
    if (application !== applicationId) {
      throw this.#corrupt('it is the database of another program');
    }
    if (version < 1 || version > schemaVersion) throw this.#otherVersion(version);
    return version < schemaVersion ? 'older' : 'store';
  }

  /** Made anew here, a store would have its log deleted by SQLite, and its mark overwritten. */
  #withoutTurns<TKind extends 'absent' | 'empty'>(kind: TKind): TKind {
    if (this.#mark.read().size === 0) return kind;
    const what = kind === 'absent' ? 'is not there' : 'is empty';
    throw new DamageError(`it ${what}, and turns of it were acknowledged ${loss(this.#mark)}`, 'log');
  }

  #otherVersion(found: number): DriverError {
    return new DriverError({ kind: 'version', path: this.path, found, expected: schemaVersion });
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

/** @throws {DamageError} when a fleet's last acknowledged turn is not there. */
function requireTurns(database: Database, mark: TurnMark): void {
  const turns = mark.read();
  if (turns.size === 0) return;
  const rows = new RowReader(new Statements(database));
  for (const [scope, turn] of turns) {
    const found = (rows.head(scope)[0] as number | null) ?? 0;
    if (found >= turn) continue;
    throw new DamageError(
      `fleet number ${scope} ends at turn ${found}, and turn ${turn} was acknowledged: its log was deleted, ` +
        `cut or damaged, or an older copy took the place of the store ${loss(mark)}`,
      'log'
    );
  }
}

/** How to go on without what is lost. */
function loss({ path }: TurnMark): string {
  return `(to go on without what is lost, move ${path} and the -wal beside it away)`;
}

function metaOf(database: Database, name: string): string | undefined {
  const row: unknown = database.prepare('SELECT value FROM meta WHERE name = ?').get(name);
  return (row as { readonly value?: string } | undefined)?.value;
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
