import { describe, expect, it } from 'vitest';
import { failureOf } from '../../../src/stores/postgres/failure.ts';
import { Patience } from '../../../src/stores/postgres/patience.ts';

describe('a read of PostgreSQL', () => {
  it.each<[what: string, error: Error]>([
    ['the connection was cut', new Error('Connection terminated unexpectedly')],
    ['the server ended it', serverError('57P01')],
    ['the server starts', serverError('57P03')],
    ['it has no connection left', serverError('53300')]
  ])('is done again where %s', async (_, error) => {
    const { patience, read, reads } = reached();

    expect(await patience.read(() => read(error, error, null))).toBe('found');
    expect(reads()).toBe(3);
  });

  it.each<[what: string, error: Error]>([
    ['the password is wrong', serverError('28P01')],
    ['it took too long', serverError('57014')],
    ['its tables were dropped', serverError('42P01')]
  ])('is not where %s', async (_, error) => {
    const { patience, read, reads } = reached();

    await expect(patience.read(() => read(error, null))).rejects.toMatchObject({ cause: error });
    expect(reads()).toBe(1);
  });

  it('is not before the server was reached, nor when the store was closed', async () => {
    const cut = new Error('cut');
    const unreached = reached({ isReached: false });
    await expect(unreached.patience.read(() => unreached.read(cut, null))).rejects.toMatchObject({
      cause: cut
    });

    const closed = reached();
    closed.patience.end();
    await expect(closed.patience.read(() => closed.read(cut, null))).rejects.toMatchObject({ cause: cut });
  });

  it('is given up once its time is over', async () => {
    let nowMs = 0;
    const { patience, read, reads } = reached({ now: () => nowMs });
    const cut = new Error('cut');

    const reading = patience.read(() => {
      nowMs += 60;
      return read(cut, cut, cut, null);
    });
    await expect(reading).rejects.toMatchObject({ code: 'ERR_STORE_IO', outcome: 'refused' });
    expect(reads()).toBe(2);
  });
});

/** A patience of 150 ms that has reached the server, and a read that fails with one error after the other. */
function reached({ isReached = true, now }: { isReached?: boolean; now?: () => number } = {}) {
  const patience = new Patience(150, now ?? (() => 0));
  let reads = 0;
  const read = async (...errors: readonly (Error | null)[]): Promise<string> => {
    const error = errors[reads] ?? null;
    reads += 1;
    if (error !== null) throw failureOf(error, 'postgres://host/x', 'reads');
    return 'found';
  };
  if (isReached) void patience.read(async () => undefined);
  return { patience, read, reads: () => reads };
}

function serverError(code: string): Error {
  return Object.assign(new Error('no'), { code, severity: 'FATAL' });
}
