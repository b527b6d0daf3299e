import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type {
  BatchQuery,
  CommandReply,
  ExpiredBatchQuery,
  ExpiredResultQuery,
  InboxCommand,
  ResultQuery,
  ResultRef,
  ScheduleQuery,
  TaskQuery,
  TaskSelection
} from '../../store.ts';
import { CommitWriter } from './commitWriter.ts';
import { DriverError, isUncertain, refusal } from './failure.ts';
import { Inbox, type Watch } from './inbox.ts';
import type { Database, OpenDatabase } from './library.ts';
import { OwnerLock } from './ownerLock.ts';
import type { DriverCalls, DriverOptions, OpenedScope } from './protocol.ts';
import { Remover } from './remover.ts';
import type { Rows } from './rowCheck.ts';
import { RowReader } from './rowReader.ts';
import type { Cell } from '../cells.ts';
import type { EncodedCommit } from './encodedCommit.ts';
import { maxScopes } from './schema.ts';
import { ScopeRemover } from './scopeRemover.ts';
import { Statements } from './statements.ts';
import { sumOf } from './sums.ts';
import { canonicalPath, StoreFile, type FileIdentity } from './storeFile.ts';
import { checkFile } from './storeCheck.ts';
import type { RawReport } from './storeReport.ts';
import { TurnMark } from './turnMark.ts';

/** How long the last process out waits for readers before it leaves the log as it is. */
const closingBusyMs = 200;

/** An open database and what works on it. */
interface Connection {
  readonly database: Database;
  readonly statements: Statements;
  readonly rows: RowReader;
  readonly inbox: Inbox;
  /** Of the scopes that are open. */
  readonly writers: Map<string, ScopeWriters>;
}

interface ScopeWriters {
  readonly writer: CommitWriter;
  readonly remover: Remover;
}

/** What happens in the thread: one file, its lock, and the calls. */
export class StoreDriver implements DriverCalls {
  readonly #file: StoreFile;
  readonly #lock: OwnerLock;
  readonly #mark: TurnMark;
  /** Each commit is flushed before it is acknowledged, so that its turn may be noted. */
  readonly #isMarking: boolean;
  readonly #deliver: (watch: number, commands: readonly InboxCommand[]) => void;
  /** Open scopes, and who owns them. */
  readonly #owners = new Map<string, string>();
  readonly #watches = new Map<number, Watch>();
  #connection: Connection | null = null;
  /** The file that was owned first: another one under its name is not taken for it. */
  #identity: FileIdentity | null = null;
  /** The log that the connection writes, and the index through which others would find it. */
  #logIdentity: readonly (FileIdentity | null)[] = [];
  /** The last commit may or may not be there. */
  #isUncertain = false;

  constructor(
    { path, durability, busyTimeoutMs }: DriverOptions,
    open: OpenDatabase,
    deliver: (watch: number, commands: readonly InboxCommand[]) => void
  ) {
    const canonical = canonicalPath(path);
    this.#lock = new OwnerLock(canonical, open);
    this.#mark = new TurnMark(canonical);
    this.#isMarking = durability === 'full';
    const [lock, mark] = [this.#lock, this.#mark];
    this.#file = new StoreFile({ path: canonical, open, durability, busyTimeoutMs, lock, mark });
    this.#deliver = deliver;
  }

  open(scope: string, owner: string): OpenedScope {
    const current = this.#owners.get(scope);
    if (current !== undefined) {
      throw new DriverError({ kind: 'locked', path: this.#file.path, owner: `${current} (this process)` });
    }
    const connection = this.#own(owner);
    const { rows, statements, writers } = connection;
    try {
      const number = rows.scopeNumber(scope) ?? addScope(statements, scope);
      writers.set(scope, writersOf(connection, number));
      this.#owners.set(scope, owner);
      return {
        number,
        head: rows.head(number),
        agents: rows.agents(number),
        batches: rows.liveBatches(number),
        schedules: rows.schedules(number),
        removing: rows.removing(number)
      };
    } catch (error) {
      this.release(scope);
      throw error;
    }
  }

  release(scope: string): boolean {
    this.#owners.delete(scope);
    this.#connection?.writers.delete(scope);
    for (const [id, watch] of this.#watches) if (watch.scope === scope) this.unwatch(id);
    if (this.#owners.size === 0 && this.#lock.isHeld) this.#disown();
    return this.#owners.size === 0;
  }

  commit(commit: EncodedCommit): void {
    this.#write(commit.scope, ({ writer }) => {
      writer.write(commit);
      this.#mark.note(writer.scope, commit.head[0] as number);
    });
  }

  removeBatch(scope: string, batchId: string): boolean {
    return this.#write(scope, ({ remover }) => remover.removeBatch(batchId));
  }

  removeScope(scope: string): boolean {
    const { database, statements, writers } = this.#connected();
    if (!this.#owners.has(scope)) throw notOpen(scope);
    this.#requireSameFile();
    const remover = new ScopeRemover(database, statements);
    const number = writers.get(scope)?.writer.scope;
    try {
      if (number !== undefined) {
        this.#mark.forget(number);
        remover.begin(number, scope);
        writers.delete(scope);
      }
      return remover.removeSlice();
    } catch (error) {
      this.#isUncertain = isUncertain(error);
      throw error;
    }
  }

  removeExpiredResults(scope: string, query: ExpiredResultQuery): boolean {
    return this.#write(scope, ({ remover }) => remover.removeExpiredResults(query));
  }

  removeOutsideResults(scope: string, upToSettledSeq: number): boolean {
    return this.#write(scope, ({ remover }) => remover.removeOutsideResults(upToSettledSeq));
  }

  liveTasks(scope: string, after: number, limit: number): readonly Cell[] {
    return this.#read(scope, [null, '[]'], (rows, number) => rows.liveTasks(number, after, limit));
  }

  payloads(scope: string, seqs: readonly number[]): Rows {
    return this.#read(scope, [], (rows, number) => rows.payloads(number, seqs));
  }

  templates(scope: string, ids: readonly string[]): Rows {
    return this.#read(scope, [], (rows, number) => rows.templates(number, ids));
  }

  sumResults(scope: string, afterSettledSeq: number): readonly Cell[] {
    return this.#read(scope, [0, 0, 0, 0, 0, null, ''], (rows, number) =>
      rows.sumResults(number, afterSettledSeq)
    );
  }

  hasResults(scope: string, refs: readonly ResultRef[]): readonly boolean[] {
    const none = refs.map(() => false);
    return this.#read(scope, none, (rows, number) => refs.map((ref) => rows.hasResult(number, ref)));
  }

  batch(scope: string, batchId: string): readonly Cell[] | null {
    return this.#read(scope, null, (rows, number) => rows.batch(number, batchId));
  }

  batches(scope: string, query: BatchQuery): Rows {
    return this.#read(scope, [], (rows, number) => rows.batches(number, query));
  }

  expiredBatches(scope: string, query: ExpiredBatchQuery): Rows {
    return this.#read(scope, [], (rows, number) => rows.expiredBatches(number, query));
  }

  tasks(scope: string, keys: readonly string[]): Rows {
    return this.#read(scope, [], (rows, number) => rows.tasks(number, keys));
  }

  taskRows(scope: string, selection: TaskSelection): Rows {
    return this.#read(scope, [], (rows, number) => rows.taskRows(number, selection));
  }

  keyHolders(scope: string, idempotencyKeys: readonly string[]): Rows {
    return this.#read(scope, [], (rows, number) => rows.keyHolders(number, idempotencyKeys));
  }

  listTasks(scope: string, query: TaskQuery): Rows {
    return this.#read(scope, [], (rows, number) => rows.listTasks(number, query));
  }

  results(scope: string, query: ResultQuery): Rows {
    return this.#read(scope, [], (rows, number) => rows.results(number, query));
  }

  result(scope: string, key: string): readonly Cell[] | null {
    return this.#read(scope, null, (rows, number) => rows.result(number, key));
  }

  schedule(scope: string, id: string): readonly Cell[] | null {
    return this.#read(scope, null, (rows, number) => rows.schedule(number, id));
  }

  listSchedules(scope: string, query: ScheduleQuery): Rows {
    return this.#read(scope, [], (rows, number) => rows.listSchedules(number, query));
  }

  head(scope: string): readonly Cell[] {
    return this.#read(scope, [null], (rows, number) => rows.head(number));
  }

  scopes(): readonly string[] {
    return this.#connected().rows.scopes();
  }

  owner(scope: string): string | null {
    // Of another process only the file is known to be owned.
    if (this.#lock.isHeld) return this.#owners.get(scope) ?? null;
    return this.#lock.isTaken ? this.#nameOwner() : null;
  }

  check(): RawReport {
    return checkFile(this.#file, this.#lock);
  }

  sendCommand(scope: string, command: InboxCommand): void {
    this.#connected().inbox.send(scope, command);
  }

  readReply(scope: string, commandId: string): CommandReply | null {
    return this.#connected().inbox.reply(scope, commandId);
  }

  answerCommand(scope: string, commandId: string, reply: CommandReply): void {
    if (!this.#owners.has(scope)) throw notOpen(scope);
    this.#connected().inbox.answer(scope, commandId, reply);
  }

  watch(watch: number, scope: string): void {
    if (!this.#owners.has(scope)) throw notOpen(scope);
    this.#watches.set(watch, { scope, delivered: 0 });
    this.#connected().inbox.deliverNew();
  }

  unwatch(watch: number): void {
    this.#watches.delete(watch);
  }

  /** Delivers commands that other processes have sent. To be called now and then. @returns Whether there were any. */
  poll(): boolean {
    if (this.#watches.size === 0) return false;
    try {
      return this.#connection?.inbox.poll() ?? false;
    } catch {
      // They stay in the file and are looked for again; commits tell what is wrong with the disk.
      return false;
    }
  }

  close(): void {
    for (const scope of this.#owners.keys()) this.release(scope);
    this.#disconnect();
  }

  /** Reads from a scope; `none` when nobody has opened it yet. */
  #read<T>(scope: string, none: T, read: (rows: RowReader, scope: number) => T): T {
    const { rows } = this.#connected();
    const number = rows.scopeNumber(scope);
    return number === undefined ? none : read(rows, number);
  }

  /** Writes to a scope that is open. */
  #write<T>(scope: string, write: (writers: ScopeWriters) => T): T {
    const writers = this.#connected().writers.get(scope);
    if (!writers) throw notOpen(scope);
    this.#requireSameFile();
    try {
      return write(writers);
    } catch (error) {
      this.#isUncertain = isUncertain(error);
      throw error;
    }
  }

  /** The connection as an owner has it. */
  #own(owner: string): Connection {
    if (this.#lock.isHeld) {
      this.#requireSameFile();
      return this.#connected();
    }
    // Before anything is made: what is not a store is left as it is.
    this.#file.inspect();
    this.#requireSameFile();
    mkdirSync(dirname(this.#file.path), { recursive: true });
    this.#lock.acquire(() => this.#nameOwner());
    try {
      this.#disconnect();
      const connection = this.#connectOwned();
      this.#identity = this.#file.identity();
      if (this.#isMarking) this.#mark.open();
      else this.#mark.remove();
      const description = `${owner} on ${hostname()}, since ${new Date().toISOString()}`;
      connection.statements.run("INSERT OR REPLACE INTO meta (name, value) VALUES ('owner', ?)", description);
      return connection;
    } catch (error) {
      this.#disconnect();
      this.#mark.close();
      this.#lock.release();
      throw error;
    }
  }

  #disown(): void {
    try {
      this.#connected().statements.run("DELETE FROM meta WHERE name = 'owner'");
    } catch {
      // Only a name in a message: the lock is what counts.
    }
    this.#disconnect();
    // Whoever opens it next finds out what is there.
    this.#isUncertain = false;
    // All is written back, unless a reader looks at something older: then the log is what was promised.
    if (this.#file.logBytes() > 0) this.#mark.close();
    else this.#mark.remove();
    this.#lock.release();
  }

  #nameOwner(): string {
    const nobody = 'another process';
    try {
      const found = this.#connected().statements.get("SELECT value FROM meta WHERE name = 'owner'");
      return (found?.[0] as string | undefined) ?? nobody;
    } catch {
      return nobody;
    }
  }

  /** The connection, made when there is none. What it last wrote is made certain first. */
  #connected(): Connection {
    if (this.#isUncertain) this.#makeCertain();
    return (this.#connection ??= this.#connect(this.#file.openExisting()));
  }

  /**
   * Makes certain what the last commit left.
   *
   * A transaction whose flush failed is invisible now, yet would be found complete if the process died at this
   * point. Or it is visible, yet only in memory: the system takes pages for clean that it failed to flush, and the
   * next flush, which succeeds, leaves them out. So all of the log is written into the database, and begun anew.
   */
  #makeCertain(): void {
    this.#requireSameFile();
    const { statements } = (this.#connection ??= this.#connectOwned());
    const [isBlocked] = statements.get('PRAGMA wal_checkpoint(TRUNCATE)')!;
    if (isBlocked) {
      const message = `Store ${this.#file.path}: a reader keeps the log in use; it is tried again`;
      throw refusal('ERR_STORE_BUSY', message);
    }
    statements.run("INSERT OR REPLACE INTO meta (name, value) VALUES ('certain since', datetime())");
    this.#isUncertain = false;
  }

  #connectOwned(): Connection {
    const connection = this.#connect(this.#file.openOwned());
    this.#logIdentity = this.#file.logIdentity();
    return connection;
  }

  #connect(database: Database): Connection {
    const statements = new Statements(database);
    const inbox = new Inbox(statements, this.#watches, this.#deliver);
    const rows = new RowReader(statements);
    this.#connection = { database, statements, rows, inbox, writers: new Map() };
    return this.#connection;
  }

  #disconnect(): void {
    const database = this.#connection?.database;
    this.#connection = null;
    if (!database) return;
    try {
      database.exec(`PRAGMA busy_timeout = ${closingBusyMs}`);
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch {
      // The log stays as it is; who opens the store next goes on from it.
    }
    database.close();
  }

  /** A file that was deleted or replaced while it was open would take commits that nobody finds again. */
  #requireSameFile(): void {
    if (!this.#identity) return;
    const isSame =
      isDeepStrictEqual(this.#file.identity(), this.#identity) &&
      (!this.#connection ||
        this.#owners.size === 0 ||
        (this.#lock.isHeld && isDeepStrictEqual(this.#file.logIdentity(), this.#logIdentity)));
    if (isSame) return;
    const message =
      `Store ${this.#file.path} was deleted, moved or replaced while it was in use (the file itself, or ` +
      'its -wal, -shm or -lock); put it back, or stop the fleet and open what is there now';
    throw refusal('ERR_STORE_IO', message);
  }
}

function writersOf({ database, statements, rows }: Connection, scope: number): ScopeWriters {
  return {
    writer: new CommitWriter(database, statements, rows, scope),
    remover: new Remover(database, statements, rows, scope)
  };
}

function addScope(statements: Statements, name: string): number {
  const taken = new Set(
    [...statements.all('SELECT number FROM scopes'), ...statements.all('SELECT number FROM dropped')].map(
      ([number]) => number
    )
  );
  if (taken.size >= maxScopes) {
    const message = `A store holds at most ${maxScopes} fleets; use another file for ${JSON.stringify(name)}`;
    throw refusal('ERR_STORE_FULL', message);
  }
  let number = 1;
  while (taken.has(number)) number += 1;
  const sql = 'INSERT INTO scopes (number, name, sum) VALUES (?, ?, ?)';
  statements.run(sql, number, name, sumOf(number, [name, null, null, null, null]));
  return number;
}

function notOpen(scope: string): DriverError {
  return refusal('ERR_STORE_CLOSED', `Fleet ${JSON.stringify(scope)} is not open; open it first`);
}
