import { describe, expect, it } from 'vitest';
import { failureOf } from '../../../src/stores/postgres/failure.ts';
import { loadPostgres } from '../../../src/stores/postgres/library.ts';

describe('a failure of PostgreSQL', () => {
  it.each<[state: string, severity: string, code: string, outcome: string]>([
    ['23505', 'ERROR', 'ERR_STORE_IO', 'refused'],
    ['25006', 'ERROR', 'ERR_STORE_READONLY', 'refused'],
    ['28P01', 'FATAL', 'ERR_STORE_IO', 'unknown'],
    ['40001', 'ERROR', 'ERR_STORE_BUSY', 'refused'],
    ['40003', 'ERROR', 'ERR_STORE_BUSY', 'unknown'],
    ['42501', 'ERROR', 'ERR_STORE_READONLY', 'refused'],
    ['53100', 'ERROR', 'ERR_STORE_FULL', 'refused'],
    ['53300', 'ERROR', 'ERR_STORE_BUSY', 'refused'],
    ['57014', 'ERROR', 'ERR_STORE_BUSY', 'refused'],
    ['57P01', 'FATAL', 'ERR_STORE_IO', 'unknown'],
    ['99999', 'ERROR', 'ERR_STORE_IO', 'refused']
  ])('SQLSTATE %s (%s) of a write is %s, %s', (state, severity, code, outcome) => {
    const error = Object.assign(new Error('no'), { code: state, severity });

    expect(failureOf(error, 'postgres://host/x', 'writes')).toMatchObject({ code, outcome, cause: error });
    expect(failureOf(error, 'postgres://host/x', 'reads')).toMatchObject({ code, outcome: 'refused' });
  });

  it('of the connection leaves the outcome of a write unknown', () => {
    const error = new Error('Connection terminated unexpectedly');

    expect(failureOf(error, 'x', 'writes')).toMatchObject({ code: 'ERR_STORE_IO', outcome: 'unknown' });
    expect(failureOf(error, 'x', 'reads')).toMatchObject({ code: 'ERR_STORE_IO', outcome: 'refused' });
  });

  it('is damage where the server says so', () => {
    const error = Object.assign(new Error('invalid page'), { code: 'XX001', severity: 'ERROR' });

    expect(failureOf(error, 'x', 'reads')).toMatchObject({ code: 'ERR_STORE_CORRUPT' });
  });

  it('is the missing package where it is not installed, with what to install', async () => {
    const loading = loadPostgres(() => Promise.reject(new Error('Cannot find package')));

    await expect(loading).rejects.toMatchObject({
      code: 'ERR_MISSING_PEER',
      message: expect.stringContaining('npm install pg') as string
    });
  });
});
