import { describe, expect, it } from 'vitest';
import { memoryStore, type HandlerContext, type Store } from '../../src/index.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import { startFleet } from '../harness.ts';
import { cyclic, nested } from '../hostileValues.ts';
import { temporaryPath } from '../stores/directory.ts';

interface Fault {
  /** Row of the catalogue of faults. */
  readonly row: string;
  readonly what: string;
  readonly handler: (data: { list: number[] }, context: HandlerContext) => unknown;
  readonly status: 'completed' | 'failed' | 'timedOut';
  readonly attempts: number;
  /** How its error begins, or its result. */
  readonly ends: unknown;
}

const notSerializable = 'ERR_RESULT_NOT_SERIALIZABLE';

/** One of each kind of misbehaviour; the variants are in `handlers.test.ts` and `outcome.test.ts`. */
const faults: readonly Fault[] = [
  {
    row: 'C1',
    what: 'throws null',
    handler: () => throwIt(null),
    status: 'failed',
    attempts: 2,
    ends: 'The handler threw null'
  },
  {
    row: 'C1',
    what: 'throws a lone surrogate and NUL',
    handler: () => throwIt(new Error('\ud800\0')),
    status: 'failed',
    attempts: 2,
    ends: '\ufffd\ufffd'
  },
  {
    row: 'C1',
    what: 'throws 10 MB',
    handler: () => throwIt(new Error('m'.repeat(1e7))),
    status: 'failed',
    attempts: 2,
    ends: 'mmm'
  },
  {
    row: 'C2',
    what: 'resolves twice',
    handler: () => thenable(),
    status: 'completed',
    attempts: 1,
    ends: 'first'
  },
  {
    row: 'C3',
    what: 'never settles',
    handler: () => new Promise(() => {}),
    status: 'timedOut',
    attempts: 2,
    ends: 'ERR_TASK_TIMEOUT'
  },
  {
    row: 'C8',
    what: 'returns a BigInt',
    handler: () => ({ n: 1n }),
    status: 'failed',
    attempts: 1,
    ends: notSerializable
  },
  {
    row: 'C8',
    what: 'returns a cycle',
    handler: cyclic,
    status: 'failed',
    attempts: 1,
    ends: notSerializable
  },
  {
    row: 'C8',
    what: 'returns 65 levels',
    handler: () => nested(65),
    status: 'failed',
    attempts: 1,
    ends: 'ERR_RESULT_TOO_LARGE'
  },
  {
    row: 'C8',
    what: 'returns odd text',
    handler: () => ['\ud800', '\0', 'e\u0301'],
    status: 'completed',
    attempts: 1,
    ends: ['\ud800', '\0', 'e\u0301']
  },
  {
    row: 'C9',
    what: 'changes its data',
    handler: (data, { attempt }) => {
      const seen = [...data.list];
      data.list.push(99);
      return attempt === 1 ? throwIt(new Error('again')) : seen;
    },
    status: 'completed',
    attempts: 2,
    ends: [1]
  }
];

describe.each<[store: string, make: () => Store]>([
  ['memory', memoryStore],
  ['SQLite', () => sqliteStore(temporaryPath(), { durability: 'none' })]
])('what a handler does ends as it should on %s', (_, make) => {
  it.each(faults)('$row: $what', async ({ handler, status, attempts, ends }) => {
    const store = make();
    const { fleet, clock } = await startFleet({
      store,
      handlers: { faulty: handler, echo: (data: unknown) => data }
    });
    const { key } = await fleet.submitAsync('faulty', { list: [1] }, { maxRetries: 1, timeoutMs: 10_000 });
    while ((await fleet.getTask(key)).settledAt === undefined) await clock.advance(1_000);

    const task = await fleet.getTask(key);
    expect(task).toMatchObject({ status, attempts });
    const [entry] = await fleet.coordinator.getResults();
    const { result, error, failure } = entry!.result;
    const end = failure?.code ?? error ?? result;
    expect(typeof ends === 'string' ? String(end).slice(0, ends.length) : end).toEqual(ends);
    expect(await fleet.submit('echo', 'still there')).toBe('still there');
    await fleet.stop();
    await store.close();
  });
});

function throwIt(thrown: unknown): never {
  throw thrown;
}

function thenable(): unknown {
  return {
    // oxlint-disable-next-line unicorn/no-thenable -- that is what is tested
    then(resolve: (value: string) => void) {
      resolve('first');
      resolve('second');
    }
  };
}
