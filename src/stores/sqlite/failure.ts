import {
  CorruptStoreError,
  FencedError,
  type FleetError,
  LockedError,
  StoreError,
  StoreVersionError
} from '../../errors.ts';
import { DamageError } from './damage.ts';
import { CommitFailure } from './transaction.ts';

/** An error as it is posted: classes do not survive the way from one thread to another. */
export type Failure =
  | {
      readonly kind: 'store';
      readonly code: StoreError['code'];
      readonly message: string;
      readonly outcome: StoreError['outcome'];
      readonly cause: string | null;
    }
  | { readonly kind: 'locked'; readonly path: string; readonly owner: string }
  | { readonly kind: 'fenced'; readonly fleet: string }
  | { readonly kind: 'corrupt'; readonly path: string; readonly reason: string }
  | { readonly kind: 'version'; readonly path: string; readonly found: number; readonly expected: number };

/** What an error of SQLite carries, built in or from the package. */
interface SqliteError extends Error {
  /** Extended result code. */
  readonly errcode: number;
  /** `errno` of the system call, where it is told. */
  readonly systemErrno?: number;
}

/** @see https://sqlite.org/rescode.html */
const codes = {
  busy: 5,
  locked: 6,
  readOnly: 8,
  readOnlyRollback: 8 | (3 << 8),
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  constraint: 19,
  notDatabase: 26,
  ioErrorFsync: 10 | (4 << 8),
  ioErrorDirFsync: 10 | (5 << 8)
} as const;

/** What SQLite says, where only that is told: `all()` of the package throws without a code. */
const codesByMessage: Readonly<Record<string, number>> = {
  'database is locked': codes.busy,
  'database table is locked': codes.locked,
  'attempt to write a readonly database': codes.readOnly,
  'disk I/O error': codes.ioError,
  'database disk image is malformed': codes.corrupt,
  'database or disk is full': codes.full,
  'unable to open database file': codes.cannotOpen,
  'file is not a database': codes.notDatabase
};

/** Linux and macOS agree on these. */
const errno = { tooManyFilesInSystem: 23, tooManyFiles: 24, noSpace: 28, readOnlyFileSystem: 30 } as const;

/** A failure that the thread found itself, on its way to be posted. */
export class DriverError extends Error {
  override readonly name = 'DriverError';
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.kind);
    this.failure = failure;
  }
}

/** The call cannot be carried out, and nothing was written. */
export function refusal(code: StoreError['code'], message: string): DriverError {
  return new DriverError({ kind: 'store', code, message, outcome: 'refused', cause: null });
}

/** Says what a call that threw means for its caller. @param path - Of the store. */
export function failureOf(thrown: unknown, path: string): Failure {
  if (thrown instanceof DriverError) return thrown.failure;
  if (thrown instanceof DamageError) return { kind: 'corrupt', path, reason: thrown.message };
  if (isOutOfRange(thrown))
    return { kind: 'corrupt', path, reason: 'it holds a number that was never written' };
  const atCommit = thrown instanceof CommitFailure;
  const error = atCommit ? thrown.cause : thrown;
  return isSqliteError(error) ? ofSqlite(error, path, atCommit) : ofOther(error, path, atCommit);
}

/** The error that a failure stands for. */
export function errorOf(failure: Failure): FleetError {
  switch (failure.kind) {
    case 'locked':
      return new LockedError(failure.path, failure.owner);
    case 'fenced':
      return FencedError.ofFleet(failure.fleet);
    case 'corrupt':
      return new CorruptStoreError(failure.path, failure.reason);
    case 'version':
      return new StoreVersionError(failure.path, failure.found, failure.expected);
    case 'store': {
      const options = failure.cause === null ? undefined : { cause: new Error(failure.cause) };
      return new StoreError(failure.code, failure.message, failure.outcome, options);
    }
  }
}

/** Whether what a transaction wrote may or may not be there. */
export function isUncertain(thrown: unknown): boolean {
  if (thrown instanceof CommitFailure) return true;
  return isSqliteError(thrown) && isFsync(thrown.errcode);
}

/** An integer beyond what a number holds exactly: none was stored, so it is damage. */
function isOutOfRange(error: unknown): boolean {
  return error instanceof RangeError && 'code' in error && error.code === 'ERR_OUT_OF_RANGE';
}

export function isSqliteError(error: unknown): error is SqliteError {
  if (!(error instanceof Error)) return false;
  if ('errcode' in error) return typeof error.errcode === 'number';
  const errcode = 'code' in error && error.code === 'ERR_SQLITE_ERROR' && codesByMessage[error.message];
  if (errcode) Object.assign(error, { errcode });
  return Boolean(errcode);
}

/** A transaction that was cut off has to be rolled back, which a connection that only reads cannot do. */
export function isHotJournal(thrown: unknown): boolean {
  return isSqliteError(thrown) && thrown.errcode === codes.readOnlyRollback;
}

function ofSqlite(error: SqliteError, path: string, atCommit: boolean): Failure {
  const primary = error.errcode & 0xff;
  if (primary === codes.corrupt || primary === codes.notDatabase) {
    return { kind: 'corrupt', path, reason: error.message };
  }
  const code = storeCode(error, primary);
  const isRefusal = code !== 'ERR_STORE_IO';
  // Pages that were written but not flushed may or may not be there after a power cut.
  const isUnknown = isFsync(error.errcode) || (atCommit && !isRefusal);
  return {
    kind: 'store',
    code,
    message: `Store ${path}: ${primary === codes.constraint ? 'the row is there already' : adviceOf(code)} (${error.message}, SQLite code ${error.errcode})`,
    outcome: isUnknown ? 'unknown' : 'refused',
    cause: error.message
  };
}

function ofOther(error: unknown, path: string, atCommit: boolean): Failure {
  const message = error instanceof Error ? error.message : String(error);
  return {
    kind: 'store',
    code: 'ERR_STORE_IO',
    message: `Store ${path}: ${message}`,
    outcome: atCommit ? 'unknown' : 'refused',
    cause: message
  };
}

function storeCode(error: SqliteError, primary: number): StoreError['code'] {
  switch (primary) {
    case codes.full:
      return 'ERR_STORE_FULL';
    case codes.cannotOpen:
      // It says nothing about the file: it passes.
      if (error.systemErrno === errno.tooManyFiles) return 'ERR_STORE_IO';
      if (error.systemErrno === errno.tooManyFilesInSystem) return 'ERR_STORE_IO';
      return 'ERR_STORE_READONLY';
    case codes.readOnly:
      return 'ERR_STORE_READONLY';
    case codes.busy:
    case codes.locked:
      return 'ERR_STORE_BUSY';
    case codes.ioError:
      if (isFsync(error.errcode)) return 'ERR_STORE_IO';
      if (error.systemErrno === errno.noSpace) return 'ERR_STORE_FULL';
      if (error.systemErrno === errno.readOnlyFileSystem) return 'ERR_STORE_READONLY';
      return 'ERR_STORE_IO';
    default:
      return 'ERR_STORE_IO';
  }
}

function isFsync(errcode: number): boolean {
  return errcode === codes.ioErrorFsync || errcode === codes.ioErrorDirFsync;
}

function adviceOf(code: StoreError['code']): string {
  switch (code) {
    case 'ERR_STORE_FULL':
      return 'the disk is full; make room, then try again';
    case 'ERR_STORE_READONLY':
      return 'it cannot be opened for writing; check the path, its permissions and its file system';
    case 'ERR_STORE_BUSY':
      return 'another process held it locked for longer than busyTimeoutMs; try again';
    case 'ERR_STORE_CLOSED':
      return 'it was closed';
    case 'ERR_STORE_IO':
      return 'it could not be read or written';
  }
}
