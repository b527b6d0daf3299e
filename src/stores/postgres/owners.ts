import { hostname } from 'node:os';
import { v7 as newId } from 'uuid';
import { FencedError, LockedError, StoreError } from '../../errors.ts';
import type { Commit, LedgerHead } from '../../store.ts';
import { stringifyJson } from '../../validation/jsonText.ts';
import type { Cell } from '../cells.ts';
import { CommitStatements } from './commitStatement.ts';
import { Lease, type LeaseOptions } from './lease.ts';
import type { RowReader } from './rowReader.ts';
import type { Session } from './session.ts';

export interface OwnersOptions {
  readonly location: string;
  /** Quoted. */
  readonly schema: string;
  readonly leaseMs: number;
  readonly session: Session;
  readonly rows: RowReader;
  /** Ms, monotonic. */
  readonly now?: () => number;
}

const takenOver = 'another process has taken it over';

/** After which time at most it is worth to look again whether a lease is free, ms: it may be released at any time. */
const lookAgainMs = 1_000;

/** What a lease is known by in the database. */
type Taken = Pick<LeaseOptions, 'number' | 'term'>;

/** The fleets that this process owns, each by a lease, and what only their owner may write. */
export class Owners {
  readonly #options: OwnersOptions;
  readonly #commits: CommitStatements;
  readonly #leases = new Map<string, Lease>();
  /** By scope: the holder that this process may be without knowing it, for want of an answer. */
  readonly #unanswered = new Map<string, string>();
  readonly #now: () => number;

  constructor(options: OwnersOptions) {
    this.#options = options;
    this.#commits = new CommitStatements(options.schema);
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * Takes the lease of a fleet that nobody has, or whose lease is over; its term is the last one's and 1. So it does one that
   * this process has taken already, or wanted to release, without ever hearing of it: it may be called again after it failed.
   *
   * @throws {LockedError} while somebody has it, be it this process.
   */
  async take(scope: string, owner: string): Promise<Lease> {
    const { session, leaseMs, rows } = this.#options;
    const askedAt = this.#now();
    const unanswered = this.#unanswered.get(scope);
    // Who else opens it meanwhile is another holder.
    this.#unanswered.delete(scope);
    const holder = unanswered ?? newId();
    let taken: Taken;
    let receivedHigh: number;
    try {
      taken = await this.#takeAs(holder, scope, owner);
      receivedHigh = await rows.receivedHigh(session, scope);
    } catch (error) {
      if (unanswered !== undefined || !(error instanceof LockedError)) this.#unanswered.set(scope, holder);
      throw error;
    }
    const lease = new Lease({
      scope,
      holder,
      ...taken,
      leaseMs,
      askedAt,
      now: this.#now,
      renew: (lease) => this.#renew(lease)
    });
    this.#leases.set(scope, lease);
    lease.receivedHigh = receivedHigh;
    return lease;
  }

  /** @throws {StoreError} `ERR_STORE_CLOSED` when this process has not opened the scope. */
  lease(scope: string): Lease {
    const lease = this.#leases.get(scope);
    if (lease && !lease.isRemoved) return lease;
    const message = `Fleet ${JSON.stringify(scope)} is not open; open it first`;
    throw new StoreError('ERR_STORE_CLOSED', message, 'refused');
  }

  /** Also of a fleet whose removal was begun. */
  held(scope: string): Lease | undefined {
    return this.#leases.get(scope);
  }

  /** @throws {FencedError} when another owner has the scope, or has written since. */
  async commit(commit: Commit): Promise<void> {
    const lease = this.lease(commit.scope);
    const { session, leaseMs } = this.#options;
    // Made before anything is waited for: the caller may change what it gave.
    const { statement, values, receivedHigh } = this.#encode(commit, lease);
    if (lease.isUncertain) await this.settle(lease);
    const askedAt = this.#now();
    let isDone: boolean;
    try {
      const rows = await session.run(statement, [lease.number, lease.term, ...values(leaseMs)], 'writes');
      isDone = rows.length > 0;
    } catch (error) {
      if (error instanceof StoreError && error.outcome === 'unknown') lease.isUncertain = true;
      throw error;
    }
    if (!isDone) throw await this.#fenced(lease, commit.head);
    lease.renewed(askedAt);
    lease.receivedHigh = receivedHigh;
  }

  /**
   * Decides the fate of commits that were sent and not answered: they are done, or fenced by a later term.
   *
   * @throws {FencedError} when another owner has the scope.
   */
  settle(lease: Lease): Promise<void> {
    // Once for all who ask: each raises the term, and a commit carries the one that it was told.
    lease.settling ??= this.#settle(lease).finally(() => (lease.settling = null));
    return lease.settling;
  }

  async #settle(lease: Lease): Promise<void> {
    const { schema, session, leaseMs } = this.#options;
    const askedAt = this.#now();
    const sql =
      `UPDATE ${schema}.scopes SET term = term + 1, expires_at = clock_timestamp() + $3::float8 * interval '1 ms' ` +
      'WHERE number = $1 AND holder = $2 RETURNING term';
    // Nothing of the caller's is written: whatever becomes of it, it can be done again.
    const [found] = await session.run({ text: sql }, [lease.number, lease.holder, leaseMs], 'reads');
    if (!found) throw lease.lose(takenOver);
    lease.term = found[0] as number;
    lease.isUncertain = false;
    lease.renewed(askedAt);
  }

  /** Idempotent. The lease is over at once. */
  async release(scope: string): Promise<void> {
    const lease = this.#leases.get(scope);
    if (!lease) return;
    this.#leases.delete(scope);
    lease.end();
    const { schema, session } = this.#options;
    const sql = `UPDATE ${schema}.scopes SET expires_at = '-infinity' WHERE number = $1 AND holder = $2`;
    try {
      await session.run({ text: sql }, [lease.number, lease.holder], 'writes');
    } catch (error) {
      this.#unanswered.set(scope, lease.holder);
      throw error;
    }
  }

  async releaseAll(): Promise<void> {
    // A server that is gone cannot be told: then the leases end by themselves.
    await Promise.allSettled([...this.#leases.keys()].map((scope) => this.release(scope)));
  }

  /** @throws {LockedError} */
  async #takeAs(holder: string, scope: string, owner: string): Promise<Taken> {
    const { schema, session, leaseMs, location } = this.#options;
    const description = `${owner} on ${hostname()}, since ${new Date().toISOString()}`;
    // One that comes late, behind a later one of the same holder, finds the lease taken, and changes nothing.
    const take =
      `INSERT INTO ${schema}.scopes AS f (name, term, holder, owner, expires_at) ` +
      `VALUES ($1, 1, $2, $3, clock_timestamp() + $4::float8 * interval '1 ms') ON CONFLICT (name) DO UPDATE ` +
      'SET term = f.term + 1, holder = excluded.holder, owner = excluded.owner, expires_at = excluded.expires_at ' +
      'WHERE f.expires_at <= clock_timestamp() RETURNING number, term';
    // What an earlier call has brought. The term is raised for commits on their way since before a release that got no answer.
    const claim =
      `UPDATE ${schema}.scopes SET term = term + 1, expires_at = clock_timestamp() + $3::float8 * interval '1 ms' ` +
      'WHERE name = $1 AND holder = $2 RETURNING number, term';
    // Looked at first, so that to wait for a lease writes nothing.
    await this.#refuseTaken(scope, holder);
    const [taken] = await session.run({ text: take }, [scope, holder, description, leaseMs], 'writes');
    const [found] = taken ? [taken] : await session.run({ text: claim }, [scope, holder, leaseMs], 'writes');
    if (found) return { number: found[0] as number, term: found[1] as number };
    await this.#refuseTaken(scope, holder);
    throw new LockedError(location, 'another process');
  }

  async #renew(lease: Lease): Promise<boolean> {
    const { schema, session, leaseMs } = this.#options;
    const sql =
      `UPDATE ${schema}.scopes SET expires_at = clock_timestamp() + $3::float8 * interval '1 ms' ` +
      'WHERE number = $1 AND holder = $2 RETURNING 1';
    const rows = await session.run({ text: sql }, [lease.number, lease.holder, leaseMs], 'writes');
    return rows.length > 0;
  }

  async #refuseTaken(scope: string, holder: string): Promise<void> {
    const { schema, session, location } = this.#options;
    const sql =
      'SELECT owner, ceil(extract(epoch FROM expires_at - clock_timestamp()) * 1000)::float8 ' +
      `FROM ${schema}.scopes WHERE name = $1 AND expires_at > clock_timestamp() AND holder <> $2`;
    const [found] = await session.run({ text: sql }, [scope, holder]);
    if (!found) return;
    const [owner, leftMs] = found as [string, number];
    throw new LockedError(location, owner, Math.min(leftMs, lookAgainMs));
  }

  /** Why a commit was not taken. The scope is not touched: an owner of a later turn is another one. */
  async #fenced(lease: Lease, head: LedgerHead): Promise<FencedError> {
    const { schema, session } = this.#options;
    const sql = `SELECT turn FROM ${schema}.scopes WHERE number = $1 AND term = $2`;
    const [found] = await session.run({ text: sql }, [lease.number, lease.term]);
    if (!found) return lease.lose(takenOver);
    const reason = `turn ${head.turn} does not follow turn ${found[0]}, another owner has written since`;
    return FencedError.ofFleet(lease.scope, reason);
  }

  #encode(commit: Commit, lease: Lease) {
    let { receivedHigh } = lease;
    const results = commit.results.map((result) => {
      receivedHigh = Math.max(receivedHigh, result.receivedAt);
      return { result, receivedHigh };
    });
    const { statement, columns } = this.#commits.of({ ...commit, results });
    const { turn, seq, settledSeq, stats } = commit.head;
    const values = (leaseMs: number): Cell[] => [
      turn,
      seq,
      settledSeq,
      stringifyJson(stats),
      leaseMs,
      ...columns
    ];
    return { statement, values, receivedHigh };
  }
}
