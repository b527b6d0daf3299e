import type { BatchState } from '../../machines/batch.ts';
import type { TaskStatus } from '../../machines/task.ts';
import { assertIdWithoutSlash, assertInteger, refuse } from '../validation/validation.ts';
import type { ServedFleet } from './servedFleet.ts';
import type { ShownValues } from './shownValues.ts';

const defaultLimit = 100;
const maxLimit = 1_000;
/** Rows that are read at once: each may carry a megabyte, which is dropped before the next ones are read. */
const sliceSize = 50;

/** Gives the value of a field of the query; `undefined`: it has none. */
export type Query = (name: string) => string | undefined;

/** The lists that a page shows, as {@link ServedFleet} gives them. A filter that is not allowed is refused by it. */
export class ListQueries {
  readonly #fleet: ServedFleet;
  readonly #shown: () => ShownValues;

  /** @param shown - Makes what shows the values of one list. */
  constructor(fleet: ServedFleet, shown: () => ShownValues) {
    this.#fleet = fleet;
    this.#shown = shown;
  }

  batches(query: Query): Promise<object[]> {
    const status = query('status') as BatchState | undefined;
    const shown = this.#shown();
    return inSlices(
      limitOf(query),
      query('after'),
      (limit, after) =>
        this.#fleet.listBatches({
          limit,
          ...(after !== undefined && { after }),
          ...(status !== undefined && { status })
        }),
      ({ id }) => id,
      (batch) => shown.batch(batch)
    );
  }

  tasks(query: Query): Promise<object[]> {
    const [batchId, type] = [query('batchId'), query('type')];
    const status = query('status') as TaskStatus | undefined;
    const shown = this.#shown();
    return inSlices(
      limitOf(query),
      numberOf(query, 'after'),
      (limit, after) =>
        this.#fleet.listTasks({
          limit,
          ...(after !== undefined && { after }),
          ...(batchId !== undefined && { batchId }),
          ...(status !== undefined && { status }),
          ...(type !== undefined && { type })
        }),
      ({ seq }) => seq,
      (task) => shown.task(task)
    );
  }

  async results(query: Query): Promise<object[]> {
    const batchId = query('batchId');
    assertIdWithoutSlash('batchId', batchId);
    const success = booleanOf(query, 'success');
    const shown = this.#shown();
    return inSlices(
      limitOf(query),
      numberOf(query, 'offset') ?? 0,
      (limit, offset) =>
        this.#fleet.getBatchResults(batchId, { limit, offset, ...(success !== undefined && { success }) }),
      (_, offset) => offset! + 1,
      (result) => shown.result(result)
    );
  }
}

/** @param next - Where the slice after a row begins, from where it itself was. */
async function inSlices<TRow, TCursor>(
  limit: number,
  start: TCursor,
  read: (limit: number, cursor: TCursor) => Promise<readonly TRow[]>,
  next: (row: TRow, cursor: TCursor) => TCursor,
  show: (row: TRow) => object
): Promise<object[]> {
  const shown: object[] = [];
  let cursor = start;
  for (;;) {
    const size = Math.min(sliceSize, limit - shown.length);
    const rows = await read(size, cursor);
    for (const row of rows) {
      shown.push(show(row));
      cursor = next(row, cursor);
    }
    if (rows.length < size || shown.length >= limit) return shown;
  }
}

function limitOf(query: Query): number {
  const limit = numberOf(query, 'limit') ?? defaultLimit;
  assertInteger('limit', limit, 1, maxLimit);
  return limit;
}

function numberOf(query: Query, name: string): number | undefined {
  const text = query(name);
  if (text === undefined) return undefined;
  return /^\d{1,16}$/.test(text) ? Number(text) : refuse(name, text, 'an integer >= 0');
}

function booleanOf(query: Query, name: string): boolean | undefined {
  const text = query(name);
  if (text === undefined) return undefined;
  return text === 'true' || text === 'false' ? text === 'true' : refuse(name, text, 'true or false');
}
