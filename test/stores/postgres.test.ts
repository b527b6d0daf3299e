import { describe } from 'vitest';
import { postgresStore } from '../../src/stores/postgres.ts';
import { postgresForTests } from '../servers/postgresForTests.ts';
import { describeStore } from './contract.ts';

const server = await postgresForTests();
let schemas = 0;

/** A store of a schema of its own. */
function newStore() {
  schemas += 1;
  return postgresStore(server!.url, { schema: `test_${schemas}` });
}

describe.skipIf(server === null)('on a PostgreSQL server', () => {
  describeStore('postgresStore', async () => newStore());
});
