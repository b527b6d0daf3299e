import type { ExpiredResultQuery } from '../../store.ts';
import { finalStates } from '../batchStateLists.ts';
import type { Cell } from '../cells.ts';
import type { Lease } from './lease.ts';
import type { Rows, Session } from './session.ts';

/** Tasks, and results, that one slice removes at most; and templates, each of which may have 1 MiB. */
const sliceRows = 1_000;
const sliceTemplates = 20;

/** Tables whose rows are those of a fleet, by a number or a name beside its own. */
const rowsOfFleets = [
  ['templates', 'schedule', sliceTemplates],
  ['schedules', 'id', sliceRows],
  ['states', 'seq', sliceRows],
  ['tasks', 'seq', sliceRows],
  ['results', 'settled_seq', sliceRows],
  ['batches', 'id', sliceRows]
] as const;

/**
 * Removes settled rows, and whole fleets, a slice at a time.
 *
 * Each slice is a statement, or a few that can be done again: whoever comes after a crash goes on with it. Only the owner
 * begins one: its row is locked meanwhile.
 */
export class Remover {
  readonly #schema: string;
  readonly #session: Session;
  readonly #settle: (lease: Lease) => Promise<void>;

  /** @param schema - Quoted. @param settle - Decides what became of commits, which may raise the term of the lease. */
  constructor(schema: string, session: Session, settle: (lease: Lease) => Promise<void>) {
    this.#schema = schema;
    this.#session = session;
    this.#settle = settle;
  }

  /** The first slice takes the batch's own row, and notes what is left. @returns Whether anything is. */
  async removeBatch(lease: Lease, batch: string): Promise<boolean> {
    const schema = this.#schema;
    const begin =
      `settled AS (DELETE FROM ${schema}.batches b USING owned WHERE b.scope = owned.number AND b.name = $3 ` +
      `AND b.state IN ${finalStates} RETURNING b.scope, b.name, b.first_seq, b.last_seq), ` +
      `begun AS (INSERT INTO ${schema}.removals SELECT * FROM settled RETURNING first_seq, last_seq), ` +
      `left_over AS (SELECT g.first_seq, g.last_seq FROM ${schema}.removals g, owned WHERE g.scope = owned.number AND g.batch = $3)`;
    const select = 'coalesce(b.first_seq, l.first_seq), coalesce(b.last_seq, l.last_seq)';
    const from = 'LEFT JOIN begun b ON true LEFT JOIN left_over l ON true';
    const [found] = await this.#owned(lease, begin, select, [batch], from);
    const [first, last] = found as [number | null, number | null];
    if (first === null || last === null) return false;
    if ((await this.#removeResults(lease, batch)) === sliceRows) return true;
    return this.#removeTasks(lease, batch, first, last);
  }

  /** @returns Whether more may be left. */
  async removeExpiredResults(
    lease: Lease,
    { receivedBefore, upToSettledSeq }: ExpiredResultQuery
  ): Promise<boolean> {
    const schema = this.#schema;
    const steps =
      `expired AS (SELECT r.settled_seq, r.key FROM ${schema}.results r, owned WHERE r.scope = owned.number ` +
      `AND r.batch IS NULL AND r.received_at < $3 AND r.settled_seq <= $4 ORDER BY r.received_at LIMIT ${sliceRows}), ` +
      `single AS (SELECT t.seq FROM ${schema}.tasks t WHERE t.scope = $1 AND t.key = ANY (ARRAY(SELECT key FROM expired)) ` +
      'AND t.batch IS NULL), ' +
      `settled AS (DELETE FROM ${schema}.states s WHERE s.scope = $1 AND s.seq = ANY (ARRAY(SELECT seq FROM single)) ` +
      'AND s.outcome IS NOT NULL RETURNING s.seq), ' +
      `ended AS (DELETE FROM ${schema}.tasks t WHERE t.scope = $1 AND t.seq = ANY (ARRAY(SELECT seq FROM settled))), ` +
      `gone AS (DELETE FROM ${schema}.results r WHERE r.scope = $1 ` +
      'AND r.settled_seq = ANY (ARRAY(SELECT settled_seq FROM expired)) RETURNING 1)';
    const [found] = await this.#owned(lease, steps, '(SELECT count(*) FROM gone)', [
      receivedBefore,
      upToSettledSeq
    ]);
    return found![0] === sliceRows;
  }

  /** @returns Whether more may be left. */
  async removeOutsideResults(lease: Lease, upToSettledSeq: number): Promise<boolean> {
    const schema = this.#schema;
    const steps =
      `outside AS (SELECT r.settled_seq FROM ${schema}.results r, owned WHERE r.scope = owned.number ` +
      `AND r.key >= '/' AND r.key < '0' AND r.settled_seq <= $3 ORDER BY r.settled_seq LIMIT ${sliceRows}), ` +
      `gone AS (DELETE FROM ${schema}.results r WHERE r.scope = $1 ` +
      'AND r.settled_seq = ANY (ARRAY(SELECT settled_seq FROM outside)) RETURNING 1)';
    const [found] = await this.#owned(lease, steps, '(SELECT count(*) FROM gone)', [upToSettledSeq]);
    return found![0] === sliceRows;
  }

  /** Takes a fleet out of sight. Its number is never given again. */
  async beginScope(lease: Lease): Promise<void> {
    const schema = this.#schema;
    const steps =
      `dropped AS (INSERT INTO ${schema}.dropped SELECT number FROM owned ON CONFLICT DO NOTHING), ` +
      `scope AS (DELETE FROM ${schema}.scopes f USING owned WHERE f.number = owned.number), ` +
      `agents AS (DELETE FROM ${schema}.agents a USING owned WHERE a.scope = owned.number), ` +
      `removals AS (DELETE FROM ${schema}.removals g USING owned WHERE g.scope = owned.number), ` +
      `commands AS (DELETE FROM ${schema}.commands c USING owned WHERE c.scope = $3)`;
    await this.#owned(lease, steps, '1', [lease.scope]);
  }

  /** Removes a slice of what is out of sight, of whichever fleet. @returns Whether anything may be left. */
  async removeSlice(): Promise<boolean> {
    const schema = this.#schema;
    const next = `next AS (SELECT number FROM ${schema}.dropped ORDER BY number LIMIT 1)`;
    const slices = rowsOfFleets.map(
      ([table, name, rows]) =>
        `${table} AS (DELETE FROM ${schema}.${table} x USING next WHERE x.scope = next.number AND x.${name} IN ` +
        `(SELECT y.${name} FROM ${schema}.${table} y, next WHERE y.scope = next.number LIMIT ${rows}) RETURNING 1)`
    );
    const removed = rowsOfFleets.map(([table]) => `(SELECT count(*) FROM ${table})`).join(' + ');
    const sql = `WITH ${[next, ...slices].join(', ')} SELECT number, ${removed} FROM next`;
    const [found] = await this.#session.run({ text: sql }, [], 'writes');
    if (!found) return false;
    const [number, rows] = found as [number, number];
    if (rows === 0) {
      const end = `DELETE FROM ${schema}.dropped WHERE number = $1`;
      await this.#session.run({ text: end }, [number], 'writes');
    }
    return true;
  }

  async #removeResults({ number }: Lease, batch: string): Promise<number> {
    const schema = this.#schema;
    const sql =
      `WITH gone AS (DELETE FROM ${schema}.results r WHERE r.scope = $1 AND r.settled_seq IN ` +
      `(SELECT settled_seq FROM ${schema}.results WHERE scope = $1 AND batch = $2 LIMIT ${sliceRows}) RETURNING 1) ` +
      'SELECT count(*) FROM gone';
    const [found] = await this.#session.run({ text: sql }, [number, batch], 'writes');
    return found![0] as number;
  }

  /** Whether a task is the batch's is seen only in its row: those of other batches may lie between. */
  async #removeTasks({ number }: Lease, batch: string, first: number, last: number): Promise<boolean> {
    const schema = this.#schema;
    const sql =
      'WITH slice AS (SELECT coalesce(max(seq), $4::int8) AS up_to FROM (' +
      `SELECT seq FROM ${schema}.tasks WHERE scope = $1 AND seq BETWEEN $3 AND $4 ORDER BY seq LIMIT ${sliceRows}) t), ` +
      `gone AS (DELETE FROM ${schema}.tasks t USING slice WHERE t.scope = $1 AND t.seq BETWEEN $3 AND slice.up_to ` +
      'AND t.batch = $2 RETURNING t.seq), ' +
      `stateless AS (DELETE FROM ${schema}.states s WHERE s.scope = $1 AND s.seq = ANY (ARRAY(SELECT seq FROM gone))), ` +
      `advanced AS (UPDATE ${schema}.removals g SET first_seq = slice.up_to + 1 FROM slice ` +
      'WHERE g.scope = $1 AND g.batch = $2 AND slice.up_to < $4), ' +
      `ended AS (DELETE FROM ${schema}.removals g USING slice ` +
      'WHERE g.scope = $1 AND g.batch = $2 AND slice.up_to >= $4) ' +
      'SELECT up_to FROM slice';
    const [found] = await this.#session.run({ text: sql }, [number, batch, first, last], 'writes');
    return (found![0] as number) < last;
  }

  /**
   * Carries out steps that take the fleet's number from `owned`, the row of a fleet that is still the caller's.
   *
   * @param values - From `$3` on.
   * @throws {FencedError} when it is not.
   */
  async #owned(
    lease: Lease,
    steps: string,
    select: string,
    values: readonly Cell[],
    from = ''
  ): Promise<Rows> {
    const owned = `SELECT number FROM ${this.#schema}.scopes WHERE number = $1 AND term = $2 FOR NO KEY UPDATE`;
    const sql = `WITH owned AS MATERIALIZED (${owned}), ${steps} SELECT ${select} FROM owned ${from}`;
    for (;;) {
      if (lease.isUncertain) await this.#settle(lease);
      const { number, term } = lease;
      const rows = await this.#session.run({ text: sql }, [number, term, ...values], 'writes');
      if (rows.length > 0) return rows;
      // The later term may be this process's own, which it took meanwhile for the sake of a commit that was not answered.
      if (!lease.isUncertain && lease.term === term) throw lease.lose('another process has taken it over');
    }
  }
}
