import { CorruptStoreError, FleetError, StoreError } from '../../errors.ts';
import { escapeControls } from '../../validation/show.ts';

/** What a call does to the database: a failed one that only reads has written nothing. */
export type Effect = 'reads' | 'writes';

/** What an error of the server carries. */
interface ServerError extends Error {
  /** SQLSTATE. */
  readonly code: string;
  readonly severity: string;
}

/**
 * What a failed call means for its caller.
 *
 * An error that the server answered with rolled the statement back. Once the connection is gone, or the server ends
 * it, what was under way may have been committed or not.
 *
 * @param location - Of the store.
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function failureOf(error: unknown, location: string, effect: Effect): FleetError {
  if (error instanceof FleetError) return error;
  if (!isServerError(error)) {
    const advice = 'the connection failed; check that the server runs and can be reached';
    return storeError('ERR_STORE_IO', `${advice} (${messageOf(error)})`, location, effect, error);
  }
  if (error.code.startsWith('XX00')) return new CorruptStoreError(location, error.message, { cause: error });
  const [code, advice] = sortOf(error.code);
  const text = `${advice} (${escapeControls(error.message)}, SQLSTATE ${error.code})`;
  return storeError(
    code,
    text,
    location,
    hasEnded(error) || error.code === '40003' ? effect : 'reads',
    error
  );
}

/** Whether an error is the last that comes of its connection. */
export function hasEnded(error: unknown): boolean {
  return !isServerError(error) || error.severity === 'FATAL' || error.severity === 'PANIC';
}

/** A connection could not be made: nothing was sent. */
export function connectFailureOf(error: unknown, location: string): FleetError {
  return failureOf(error, location, 'reads');
}

/** Whether what failed may do by itself after a while, because the server, or the way to it, was gone. */
export function mayPass(error: unknown): boolean {
  if (!(error instanceof StoreError) || error.code === 'ERR_STORE_CLOSED' || error.cause === undefined)
    return false;
  return !isServerError(error.cause) || passing.has(error.cause.code) || error.cause.code.startsWith('08');
}

function storeError(
  code: StoreError['code'],
  text: string,
  location: string,
  effect: Effect,
  cause: unknown
): StoreError {
  const outcome = effect === 'writes' ? 'unknown' : 'refused';
  return new StoreError(code, `Store ${location}: ${text}`, outcome, { cause });
}

function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && 'severity' in error && 'code' in error && typeof error.code === 'string';
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return escapeControls(String(error));
  // One for each address of the host, and no text of its own.
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ');
  return escapeControls(error.message);
}

/** By SQLSTATE, or by its class. */
function sortOf(state: string): readonly [StoreError['code'], advice: string] {
  return sorts[state] ?? sorts[state.slice(0, 2)] ?? ['ERR_STORE_IO', 'the server refused it'];
}

const busy = 'ERR_STORE_BUSY';
const sorts: Readonly<Record<string, readonly [StoreError['code'], advice: string]>> = {
  '23505': ['ERR_STORE_IO', 'the row is there already'],
  '25006': ['ERR_STORE_READONLY', 'it is a standby server, or read only; use the address of the primary'],
  '28': ['ERR_STORE_IO', 'the server does not let this user in; check user and password'],
  '3D000': ['ERR_STORE_IO', 'the database does not exist; create it'],
  '3F000': ['ERR_STORE_IO', 'its schema was dropped'],
  '40': [busy, 'another transaction was in the way; try again'],
  '42501': ['ERR_STORE_READONLY', 'the user may not; grant it what it needs on the schema'],
  '42P01': ['ERR_STORE_IO', 'its tables were dropped'],
  '53100': ['ERR_STORE_FULL', 'the disk of the server is full; make room, then try again'],
  '53300': [busy, 'the server has no connection left; raise max_connections, or end some'],
  '55P03': [busy, 'a lock was not to be had; try again'],
  '57014': [busy, 'it took longer than statementTimeoutMs, or was cancelled; try again'],
  '57P01': ['ERR_STORE_IO', 'the server ended the connection; try again'],
  '57P02': ['ERR_STORE_IO', 'the server crashed and starts anew; try again'],
  '57P03': [busy, 'the server starts or ends; try again']
};

/** Of a server that ends, starts, or has no connection left. */
const passing: ReadonlySet<string> = new Set(['53300', '57P01', '57P02', '57P03']);
