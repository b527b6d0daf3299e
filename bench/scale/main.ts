import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startPostgres } from '../../test/servers/postgres.ts';
import { startRedis } from '../../test/servers/redis.ts';
import { costsOf, type FleetContext } from './fleetProcess.ts';
import { kinds, nameOf } from './kinds.ts';
import { presenceOf } from './presence.ts';
import { measuredPostgres, measuredRedis } from './servers.ts';

/**
 * What a task costs each part of a fleet, for docs/scale.md. Linux, with a Redis and a PostgreSQL of its own.
 *
 * `--only <text>`: the kinds whose name has it. `--tasks <n>`: of each, 20,000 unless it is said, with `--bytes <n>` of data and of
 * result, 100 unless it is said. `--workers <n>`: instead, what so many workers cost that only are there, and a task that is spread
 * over them; a multiple of 4.
 */
const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    tasks: { type: 'string', default: '20000' },
    bytes: { type: 'string', default: '100' },
    workers: { type: 'string' }
  }
});
const folder = await mkdtemp(join(tmpdir(), 'scale-'));
try {
  if (values.workers !== undefined) {
    const workers = Number(values.workers);
    console.table(rounded(await measured((context) => presenceOf(workers, context))));
  } else {
    const asked = kinds.filter((kind) => nameOf(kind).toLowerCase().includes(values.only.toLowerCase()));
    for (const kind of asked) console.table(rounded(await measured((context) => costsOf(kind, context))));
  }
} finally {
  await rm(folder, { recursive: true });
}

/** With servers of its own: what one measurement leaves in them is in no other one's figures. */
async function measured<TFigures>(measure: (context: FleetContext) => Promise<TFigures>): Promise<TFigures> {
  await using redis = await startRedis();
  await using postgres = await startPostgres();
  await using redisServer = measuredRedis(redis.url);
  await using postgresServer = await measuredPostgres(postgres.url);
  return await measure({
    folder,
    redis: redis.url,
    postgres: postgres.url,
    redisServer,
    postgresServer,
    tasks: Number(values.tasks),
    data: 'x'.repeat(Number(values.bytes))
  });
}

function rounded(figures: object): object {
  return Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [
      name,
      typeof value === 'number' ? Number(value.toPrecision(3)) : value
    ])
  );
}
