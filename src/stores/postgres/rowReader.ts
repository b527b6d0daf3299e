import { maxHealthWindow, outcomesOf } from '../../../machines/outcomes.ts';
import { isFinalTaskStatus } from '../../../machines/task.ts';
import type {
  BatchQuery,
  BatchRow,
  ExpiredBatch,
  ExpiredBatchQuery,
  LedgerHead,
  Payload,
  ResultQuery,
  ResultRef,
  ResultsSum,
  ScheduleQuery,
  ScheduleRow,
  StoredAgent,
  StoredResult,
  StoredSchedule,
  StoredTask,
  TaskQuery,
  TaskRow,
  TaskSelection
} from '../../store.ts';
import type { Cell } from '../cells.ts';
import {
  decodeAgent,
  decodeBatch,
  decodeHead,
  decodePayload,
  decodeResult,
  decodeSchedule,
  decodeStoredTask,
  decodeTask,
  payloadColumns,
  resultColumns,
  taskColumns,
  taskStateColumns
} from '../rowCells.ts';
import { liveStates } from '../batchStateLists.ts';
import { arrayText } from './arrayText.ts';
import type { Rows, Session } from './session.ts';

const taskCells = taskColumns
  .map((column) => {
    if (column === 'id') return 't.seq';
    return taskStateColumns.includes(column) ? `s.${column}` : `t.${column}`;
  })
  .join(', ');
const payloadCells = payloadColumns.map((column) => `t.${column}`).join(', ');
const storedTaskCells = `${taskCells}, ${payloadCells}`;
const resultCells = resultColumns
  .map((column) => (column === 'id' ? 'r.settled_seq' : `r.${column}`))
  .join(', ');
const errorAt = resultColumns.indexOf('error');
const batchCells = 'b.name, b.state, b.first_seq, b.last_seq, b.settled_at, b.context';
const scheduleCells = 'c.id, c.state, c.context';

/**
 * Reads committed rows, each call in one statement: what is being removed is seen whole or not.
 *
 * Every method takes the number of the fleet by its name, in the same statement, and finds nothing where there is none.
 */
export class RowReader {
  readonly #schema: string;

  /** @param schema - Quoted. */
  constructor(schema: string) {
    this.#schema = schema;
  }

  async head(session: Session, scope: string): Promise<LedgerHead | null> {
    const sql = `SELECT turn, seq, settled_seq, stats FROM ${this.#schema}.scopes WHERE name = $1`;
    const [cells] = await this.#all(session, sql, [scope]);
    return cells ? decodeHead(cells) : null;
  }

  async scopes(session: Session): Promise<readonly string[]> {
    const rows = await this.#all(session, `SELECT name FROM ${this.#schema}.scopes ORDER BY number`, []);
    return rows.map(([name]) => name as string);
  }

  async owner(session: Session, scope: string): Promise<string | null> {
    const sql = `SELECT owner FROM ${this.#schema}.scopes WHERE name = $1 AND expires_at > clock_timestamp()`;
    const [cells] = await this.#all(session, sql, [scope]);
    return cells ? (cells[0] as string) : null;
  }

  async agents(session: Session, scope: string): Promise<readonly StoredAgent[]> {
    const sql = `SELECT a.id, a.machine, a.schema_version, a.snapshot FROM ${this.#of('agents', 'a')} ORDER BY a.id`;
    return (await this.#all(session, sql, [scope])).map(decodeAgent);
  }

  async liveBatches(session: Session, scope: string): Promise<readonly BatchRow[]> {
    const sql = `SELECT ${batchCells} FROM ${this.#of('batches', 'b')} AND b.state IN ${liveStates} ORDER BY b.id`;
    return (await this.#all(session, sql, [scope])).map(decodeBatch);
  }

  async batch(session: Session, scope: string, id: string): Promise<BatchRow | null> {
    const sql = `SELECT ${batchCells} FROM ${this.#of('batches', 'b')} AND b.name = $2`;
    const [cells] = await this.#all(session, sql, [scope, id]);
    return cells ? decodeBatch(cells) : null;
  }

  /** In order of creation. */
  async listBatches(session: Session, scope: string, query: BatchQuery): Promise<readonly BatchRow[]> {
    const where = new Terms(scope);
    // An id that is not there (any more) has no place in the order: nothing follows it.
    if (query.after !== undefined) {
      const after = `SELECT a.id FROM ${this.#schema}.batches a WHERE a.scope = b.scope AND a.name = ?`;
      where.add(`b.id > (${after})`, query.after);
    }
    if (query.status !== undefined) where.add('b.state = ?', query.status);
    const sql = `SELECT ${batchCells} FROM ${this.#of('batches', 'b')}${where.text} ORDER BY b.id LIMIT ${where.bind(query.limit)}`;
    return (await this.#all(session, sql, where.values)).map(decodeBatch);
  }

  /** The one that settled first first. */
  async expiredBatches(
    session: Session,
    scope: string,
    { settledBefore, keep, limit }: ExpiredBatchQuery
  ): Promise<readonly ExpiredBatch[]> {
    if (settledBefore === null && keep === null) return [];
    const settled = `${this.#of('batches', 'b')} AND b.settled_at IS NOT NULL`;
    const beyond =
      `SELECT b.settled_at, b.id FROM ${settled} ` +
      'ORDER BY b.settled_at DESC, b.id DESC LIMIT 1 OFFSET coalesce($3::int8, 9223372036854775807)';
    const sql =
      `WITH last AS (${beyond}) SELECT b.name, b.settled_at FROM ${settled} ` +
      'AND (b.settled_at < $2::float8 OR (b.settled_at, b.id) <= (SELECT settled_at, id FROM last)) ' +
      'ORDER BY b.settled_at, b.id LIMIT $4';
    const rows = await this.#all(session, sql, [scope, settledBefore, keep, limit]);
    return rows.map(([id, settledAt]) => ({ id: id as string, settledAt: settledAt as number }));
  }

  async schedules(session: Session, scope: string): Promise<readonly ScheduleRow[]> {
    const sql = `SELECT ${scheduleCells} FROM ${this.#of('schedules', 'c')} ORDER BY c.id`;
    return (await this.#all(session, sql, [scope])).map(decodeSchedule);
  }

  async schedule(session: Session, scope: string, id: string): Promise<StoredSchedule | null> {
    const sql =
      `SELECT ${scheduleCells}, m.template FROM ${this.#schema}.scopes f ` +
      `JOIN ${this.#schema}.schedules c ON c.scope = f.number AND c.id = $2 ` +
      `JOIN ${this.#schema}.templates m ON m.scope = f.number AND m.schedule = c.id WHERE f.name = $1`;
    const [cells] = await this.#all(session, sql, [scope, id]);
    return cells ? { row: decodeSchedule(cells), template: cells[3] as string } : null;
  }

  async listSchedules(
    session: Session,
    scope: string,
    { limit, after = '' }: ScheduleQuery
  ): Promise<readonly ScheduleRow[]> {
    const sql = `SELECT ${scheduleCells} FROM ${this.#of('schedules', 'c')} AND c.id > $2 ORDER BY c.id LIMIT $3`;
    return (await this.#all(session, sql, [scope, after, limit])).map(decodeSchedule);
  }

  async templates(
    session: Session,
    scope: string,
    ids: readonly string[]
  ): Promise<ReadonlyMap<string, string>> {
    const sql = `SELECT m.schedule, m.template FROM ${this.#of('templates', 'm')} AND m.schedule = ANY ($2::text[])`;
    const rows = await this.#all(session, sql, [scope, arrayText(ids)]);
    return new Map(rows.map(([id, template]) => [id as string, template as string]));
  }

  /** Batches whose removal was begun and has not ended. */
  async removing(session: Session, scope: string): Promise<readonly string[]> {
    const rows = await this.#all(session, `SELECT g.batch FROM ${this.#of('removals', 'g')}`, [scope]);
    return rows.map(([batch]) => batch as string);
  }

  async tasks(session: Session, scope: string, keys: readonly string[]): Promise<readonly StoredTask[]> {
    const sql = `SELECT ${storedTaskCells} FROM ${this.#tasksBy('tasks')} AND t.key = ANY ($2::text[]) AND ${this.#isKept('t')}`;
    return (await this.#all(session, sql, [scope, arrayText(keys)])).map(decodeStoredTask);
  }

  async taskRows(session: Session, scope: string, selection: TaskSelection): Promise<readonly TaskRow[]> {
    const [term, list] =
      'keys' in selection
        ? (['t.key = ANY ($2::text[])', selection.keys] as const)
        : (['t.seq = ANY ($2::int8[])', selection.seqs] as const);
    const sql = `SELECT ${taskCells} FROM ${this.#tasksBy('tasks')} AND ${term} AND ${this.#isKept('t')}`;
    return (await this.#all(session, sql, [scope, arrayText(list)])).map(decodeTask);
  }

  /** Also those of batches that are being removed. */
  async keyHolders(session: Session, scope: string, keys: readonly string[]): Promise<readonly StoredTask[]> {
    const sql = `SELECT ${storedTaskCells} FROM ${this.#tasksBy('tasks')} AND t.idempotency_key = ANY ($2::text[])`;
    return (await this.#all(session, sql, [scope, arrayText(keys)])).map(decodeStoredTask);
  }

  async listTasks(session: Session, scope: string, query: TaskQuery): Promise<readonly StoredTask[]> {
    const where = new Terms(scope);
    where.add('s.seq > ?', query.after ?? 0);
    if (query.batchId !== undefined) {
      const range = `SELECT b.first_seq, b.last_seq FROM ${this.#schema}.batches b WHERE b.scope = ${this.#fleet} AND b.name = ?`;
      where.add('t.batch = ?', query.batchId);
      where.add(`s.seq >= (SELECT x.first_seq FROM (${range}) x)`, query.batchId);
      where.add(`s.seq <= (SELECT x.last_seq FROM (${range}) x)`, query.batchId);
    }
    if (query.type !== undefined) where.add('t.type = ?', query.type);
    if (query.status !== undefined) {
      // As the indexes have it, so that they are found by it.
      where.add(
        isFinalTaskStatus(query.status) ? 's.outcome = ?' : 's.outcome IS NULL AND s.state = ?',
        query.status
      );
      if (isFinalTaskStatus(query.status) && query.status !== 'completed')
        where.add("s.outcome <> 'completed'");
    }
    const sql =
      `SELECT ${storedTaskCells} FROM ${this.#tasksBy('states')}${where.text} AND ${this.#isKept('t')} ` +
      `ORDER BY s.seq LIMIT ${where.bind(query.limit)}`;
    return (await this.#all(session, sql, where.values)).map(decodeStoredTask);
  }

  /** Tasks after a number that have not settled, in order. */
  async liveTasks(
    session: Session,
    scope: string,
    after: number,
    limit: number
  ): Promise<readonly TaskRow[]> {
    const sql = `SELECT ${taskCells} FROM ${this.#tasksBy('states')} AND s.outcome IS NULL AND s.seq > $2 ORDER BY s.seq LIMIT $3`;
    return (await this.#all(session, sql, [scope, after, limit])).map(decodeTask);
  }

  async payloads(
    session: Session,
    scope: string,
    seqs: readonly number[]
  ): Promise<ReadonlyMap<number, Payload>> {
    const sql = `SELECT t.seq, ${payloadCells} FROM ${this.#of('tasks', 't')} AND t.seq = ANY ($2::int8[])`;
    const rows = await this.#all(session, sql, [scope, arrayText(seqs)]);
    return new Map(rows.map(([seq, ...cells]) => [seq as number, decodePayload(cells)]));
  }

  async results(session: Session, scope: string, query: ResultQuery): Promise<readonly StoredResult[]> {
    const { batchId, workerId, success, taskType, since, until } = query;
    const where = new Terms(scope);
    where.add('r.settled_seq > ?', query.afterSettledSeq ?? 0);
    if (since !== undefined) {
      where.add(`r.settled_seq >= (${this.#firstSince()})`, since);
      where.add('r.received_at >= ?', since);
    }
    if (until !== undefined) {
      // All before that number, and those that came later while the clock was set back.
      where.add(
        `(r.settled_seq < coalesce((${this.#firstSince()}), 9223372036854775807) OR r.received_at < r.received_high)`,
        until
      );
      where.add('r.received_at < ?', until);
    }
    if (batchId !== undefined) where.add('r.batch = ?', batchId);
    if (workerId !== undefined) where.add('r.worker = ?', workerId);
    if (taskType !== undefined) where.add('r.type = ?', taskType);
    if (success !== undefined) where.add(success ? 'r.success' : 'NOT r.success');
    const order = query.order === 'newest' ? 'DESC' : 'ASC';
    const sql =
      `SELECT ${resultCells} FROM ${this.#of('results', 'r')}${where.text} AND ${this.#isKept('r')} ` +
      `ORDER BY r.settled_seq ${order} LIMIT ${where.bind(query.limit)} OFFSET ${where.bind(query.offset ?? 0)}`;
    return (await this.#all(session, sql, where.values)).map(readResult);
  }

  /** The latest result of a task. */
  async result(session: Session, scope: string, key: string): Promise<StoredResult | null> {
    const sql =
      `SELECT ${resultCells} FROM ${this.#of('results', 'r')} AND r.key = $2 AND ${this.#isKept('r')} ` +
      'ORDER BY r.settled_seq DESC LIMIT 1';
    const [cells] = await this.#all(session, sql, [scope, key]);
    return cells ? readResult(cells) : null;
  }

  /** The latest time of receipt of a fleet's results. */
  async receivedHigh(session: Session, scope: string): Promise<number> {
    const sql = `SELECT r.received_high FROM ${this.#of('results', 'r')} ORDER BY r.received_high DESC LIMIT 1`;
    const [cells] = await this.#all(session, sql, [scope]);
    return (cells?.[0] as number | undefined) ?? 0;
  }

  async hasResults(session: Session, scope: string, refs: readonly ResultRef[]): Promise<readonly boolean[]> {
    const sql =
      `SELECT EXISTS (SELECT 1 FROM ${this.#schema}.results r ` +
      'WHERE r.scope = f.number AND r.key = v.key AND r.worker = v.worker AND r.attempts = v.attempt) ' +
      `FROM ${this.#schema}.scopes f, unnest($2::text[], $3::text[], $4::int8[]) ` +
      'WITH ORDINALITY AS v(key, worker, attempt, place) WHERE f.name = $1 ORDER BY v.place';
    const columns = [
      arrayText(refs.map(({ key }) => key)),
      arrayText(refs.map(({ workerId }) => workerId)),
      arrayText(refs.map(({ attempt }) => attempt))
    ];
    const rows = await this.#all(session, sql, [scope, ...columns]);
    return refs.map((_, index) => rows[index]?.[0] === 1);
  }

  async sumResults(session: Session, scope: string, afterSettledSeq: number): Promise<ResultsSum> {
    const sql =
      'SELECT count(*) FILTER (WHERE r.success), count(*) FILTER (WHERE NOT r.success), coalesce(sum(r.duration), 0), ' +
      'coalesce(min(r.timestamp), 0), coalesce(max(r.timestamp), 0), max(r.settled_seq) ' +
      `FROM ${this.#of('results', 'r')} AND r.settled_seq > $2 AND ${this.#isKept('r')}`;
    const [sums, last] = await Promise.all([
      this.#all(session, sql, [scope, afterSettledSeq]),
      this.results(session, scope, { afterSettledSeq, order: 'newest', limit: maxHealthWindow })
    ]);
    const [successCount, failureCount, totalDuration, oldestResult, newestResult, settledSeq] = sums[0]!;
    return {
      successCount: successCount as number,
      failureCount: failureCount as number,
      totalDuration: totalDuration as number,
      oldestResult: oldestResult as number,
      newestResult: newestResult as number,
      settledSeq: (settledSeq as number | null) ?? afterSettledSeq,
      outcomes: outcomesOf(last.toReversed())
    };
  }

  #all(session: Session, sql: string, values: readonly Cell[]): Promise<Rows> {
    return session.run({ text: sql }, values);
  }

  /** SQL for the rows of a table that are of the fleet `$1`: more terms may follow. */
  #of(table: string, alias: string): string {
    const fleet = this.#fleet;
    return `${this.#schema}.${table} ${alias} WHERE ${alias}.scope = ${fleet}`;
  }

  /**
   * SQL for the tasks `t` of the fleet with their states `s`, found by one of the two: each has the other, but an outer
   * join is the one that the planner does not turn round.
   */
  #tasksBy(found: 'tasks' | 'states'): string {
    const [tasks, states] = [`${this.#schema}.tasks t`, `${this.#schema}.states s`];
    const join = 'ON t.scope = s.scope AND t.seq = s.seq';
    return found === 'tasks'
      ? `${tasks} LEFT JOIN ${states} ${join} WHERE t.scope = ${this.#fleet}`
      : `${states} LEFT JOIN ${tasks} ${join} WHERE s.scope = ${this.#fleet}`;
  }

  /** SQL for the number of the fleet `$1`, ... */
  get #fleet(): string {
    return `(SELECT f.number FROM ${this.#schema}.scopes f WHERE f.name = $1)`;
  }

  /** ... for whether a row is of no batch that is being removed, ... */
  #isKept(row: string): string {
    return `NOT EXISTS (SELECT 1 FROM ${this.#schema}.removals g WHERE g.scope = ${row}.scope AND g.batch = ${row}.batch)`;
  }

  /** ... and for the number of the first result from which on the latest time of receipt is at least that of `?`. */
  #firstSince(): string {
    return (
      `SELECT h.settled_seq FROM ${this.#schema}.results h WHERE h.scope = ${this.#fleet} AND h.received_high >= ? ` +
      'ORDER BY h.received_high, h.settled_seq LIMIT 1'
    );
  }
}

/** Terms of a condition, and the values that they bind. `$1` is the fleet's name. */
class Terms {
  readonly values: Cell[];
  text = '';

  constructor(scope: string) {
    this.values = [scope];
  }

  /** @param term - With `?` for the value, wherever it is. */
  add(term: string, value?: Cell): void {
    this.text += ` AND ${value === undefined ? term : term.replaceAll('?', this.bind(value))}`;
  }

  bind(value: Cell): string {
    return `$${this.values.push(value)}`;
  }
}

/** Its error's message is kept as JSON. */
function readResult(cells: readonly Cell[]): StoredResult {
  const error = cells[errorAt];
  if (error == null) return decodeResult(cells);
  return decodeResult(cells.with(errorAt, JSON.parse(error as string) as string));
}
