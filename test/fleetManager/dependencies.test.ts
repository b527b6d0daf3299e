import { describe, expect, it } from 'vitest';
import {
  memoryStore,
  StoreError,
  submitBatchEvent,
  type HandlerContext,
  type Store
} from '../../src/index.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import { faultyStore, gate, settled, startFleet } from '../harness.ts';
import { temporaryPath } from '../stores/directory.ts';

interface TestTask {
  readonly id: string;
  readonly type: 'work' | 'fail' | 'wait';
  readonly data: null;
  readonly dependsOn?: readonly string[];
  readonly delayMs?: number;
}

/** Tasks of a chain for which recursion would not do. */
const longerThanStack = 30_000;

const task = (id: string, dependsOn: readonly string[] = [], changes: Partial<TestTask> = {}): TestTask => ({
  id,
  type: 'work',
  data: null,
  dependsOn,
  ...changes
});
/** Tasks `0`, `1` … each of which depends on the one before it. */
const chain = (length: number, first: Partial<TestTask> = {}): TestTask[] =>
  Array.from({ length }, (_, index) =>
    index === 0 ? task('0', [], first) : task(String(index), [String(index - 1)])
  );

/** A fleet that notes the order in which its handlers start. `wait` ends when `opened` does, or is aborted. */
async function dependentFleet(options: Partial<Parameters<typeof startFleet>[0]> = {}) {
  const started: string[] = [];
  const opened = gate();
  const note = ({ key }: HandlerContext): void => void started.push(key.slice(key.indexOf('/') + 1));
  const handlers = {
    work: (_: null, context: HandlerContext) => note(context),
    fail(_: null, context: HandlerContext) {
      note(context);
      throw new Error('no luck');
    },
    wait(_: null, context: HandlerContext) {
      note(context);
      return new Promise<void>((resolve, reject) => {
        context.signal.addEventListener('abort', () => reject(new Error('aborted')));
        opened.promise.then(resolve, reject);
      });
    }
  };
  const test = await startFleet({ config: { maxRetries: 0 }, ...options, handlers });
  const { fleet } = test;
  const statuses = async (batchId: string) =>
    (await fleet.listTasks({ batchId, limit: 1_000 })).map(({ id, status }) => `${id} ${status}`);
  return { ...test, handlers, started, opened, statuses };
}

async function* stream<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

describe('a task that depends on others', () => {
  it('starts when all of them have completed', async () => {
    const { fleet, started, opened, statuses } = await dependentFleet();
    const batchId = await fleet.submitBatch([
      task('a', [], { type: 'wait' }),
      task('b'),
      task('c', ['a', 'b'])
    ]);
    await settled();
    expect(await statuses(batchId)).toEqual(['a running', 'b completed', 'c blocked']);
    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ blockedTasks: 1, queuedTasks: 0 });
    expect(await fleet.getStats()).toMatchObject({ blockedTasks: 1, queuedTasks: 0 });
    expect(await fleet.getTask({ batchId, id: 'c' })).toMatchObject({ dependsOn: ['a', 'b'] });

    opened.open();
    await settled();

    expect(started).toEqual(['a', 'b', 'c']);
    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'completed', blockedTasks: 0 });
  });

  it('may come before them in an array, and is given its place after them', async () => {
    const { fleet, started, statuses } = await dependentFleet({
      config: { maxRetries: 0, maxConcurrentWorkers: 1 }
    });
    const batchId = await fleet.submitBatch([
      task('x'),
      task('c', ['b']),
      task('y'),
      task('b', ['a']),
      task('a')
    ]);
    await settled();

    expect(started).toEqual(['x', 'a', 'b', 'c', 'y']);
    expect(await statuses(batchId)).toEqual(['x', 'a', 'b', 'c', 'y'].map((id) => `${id} completed`));
  });

  it('is cancelled with those that depend on it when one of them fails, each told which', async () => {
    const { fleet } = await dependentFleet();
    const batchId = await fleet.submitBatch([
      task('a', [], { type: 'fail' }),
      task('b', ['a']),
      task('c', ['b', 'd']),
      task('d')
    ]);
    await settled();

    const results = await fleet.getBatchResults(batchId);
    expect(results.map(({ taskId, status }) => `${taskId} ${status}`)).toEqual([
      'a failed',
      'd completed',
      'b cancelled',
      'c cancelled'
    ]);
    expect(results.find(({ taskId }) => taskId === 'b')?.failure).toEqual({
      name: 'DependencyError',
      code: 'ERR_DEPENDENCY',
      message: `Depends on task "${batchId}/a", which failed`,
      retryable: false
    });
    expect(results.find(({ taskId }) => taskId === 'c')?.error).toMatch(/\/b", which was cancelled$/);
    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'partial', cancelledTasks: 2 });
  });

  it.each<[how: string, end: (test: Awaited<ReturnType<typeof dependentFleet>>) => Promise<unknown>]>([
    ['was cancelled', ({ fleet }) => fleet.cancelTask('b/a')],
    ['timed out', ({ clock }) => clock.advance(1_000)]
  ])('is cancelled when one of them %s', async (how, end) => {
    const test = await dependentFleet({ config: { maxRetries: 0, workerTimeout: 1_000 } });
    await test.fleet.submitBatch([task('a', [], { type: 'wait' }), task('b', ['a'])], { batchId: 'b' });
    await settled();

    await end(test);
    await settled();

    await expect(test.fleet.waitFor('b/b')).rejects.toThrow(
      `Task "b/b" was cancelled: Depends on task "b/a", which ${how}`
    );
    expect(await test.fleet.getTask('b/b')).toMatchObject({
      status: 'cancelled',
      error: `Depends on task "b/a", which ${how}`
    });
  });

  it('waits while one of them is tried again', async () => {
    let tries = 0;
    const { fleet, clock } = await startFleet({
      handlers: {
        flaky() {
          tries += 1;
          if (tries < 3) throw new Error('not yet');
        },
        work: () => tries
      }
    });
    const batchId = await fleet.submitBatch([
      { id: 'a', type: 'flaky', data: null },
      { id: 'b', type: 'work', data: null, dependsOn: ['a'] }
    ]);
    await settled();
    expect(await fleet.getTask({ batchId, id: 'b' })).toMatchObject({ status: 'blocked' });
    await clock.advance(1_000);

    expect(await fleet.waitFor({ batchId, id: 'b' })).toBe(3);
  });

  it('waits for its start time too, whichever comes last', async () => {
    const { fleet, clock, opened, statuses } = await dependentFleet();
    const batchId = await fleet.submitBatch([
      task('quick'),
      task('slow', [], { type: 'wait' }),
      task('early', ['quick'], { delayMs: 1_000 }),
      task('late', ['slow'], { delayMs: 1_000 })
    ]);
    await settled();
    expect((await statuses(batchId)).slice(2)).toEqual(['early scheduled', 'late blocked']);

    await clock.advance(1_000);
    expect((await statuses(batchId)).slice(2)).toEqual(['early completed', 'late blocked']);

    opened.open();
    await settled();
    expect((await statuses(batchId)).slice(2)).toEqual(['early completed', 'late completed']);
  });

  it('is held by a pause of its batch when it becomes ready, and goes on with it', async () => {
    const { fleet, opened, statuses } = await dependentFleet();
    const batchId = await fleet.submitBatch([task('a', [], { type: 'wait' }), task('b', ['a'])]);
    await settled();
    await fleet.pauseBatch(batchId);
    opened.open();
    await settled();
    expect(await statuses(batchId)).toEqual(['a completed', 'b queued']);

    await fleet.resumeBatch(batchId);
    await settled();
    expect(await statuses(batchId)).toEqual(['a completed', 'b completed']);
  });

  it('is cancelled with its batch, for that reason', async () => {
    const { fleet, started } = await dependentFleet();
    const batchId = await fleet.submitBatch(chain(3, { type: 'wait' }));
    await settled();

    await fleet.cancelBatch(batchId);
    await settled();

    expect(started).toEqual(['0']);
    const results = await fleet.getBatchResults(batchId);
    expect(results.map(({ failure }) => failure?.code)).toEqual(Array(3).fill('ERR_TASK_CANCELLED'));
    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'cancelled', cancelledTasks: 3 });
  });

  it('is cancelled alone, and takes those that depend on it with it', async () => {
    const { fleet, statuses } = await dependentFleet();
    const batchId = await fleet.submitBatch(chain(3, { type: 'wait' }));
    await settled();

    expect(await fleet.cancelTask({ batchId, id: '1' })).toBe(true);
    await settled();

    expect(await statuses(batchId)).toEqual(['0 running', '1 cancelled', '2 cancelled']);
  });
});

describe('dependencies of an array', () => {
  it.each<[what: string, tasks: readonly unknown[], argument: string, message: RegExp]>([
    [
      'a cycle',
      [task('x'), task('a', ['b']), task('b', ['c']), task('c', ['a'])],
      'tasks[1].dependsOn',
      /in the cycle "a" -> "b" -> "c" -> "a"; it must be free of cycles/
    ],
    [
      'an unknown id',
      [task('a'), task('b', ['a', 'z'])],
      'tasks[1].dependsOn[1]',
      /"z"; it must be the id of a task of this batch/
    ],
    ['itself', [task('a', ['a'])], 'tasks[0].dependsOn[0]', /"a"; it must be the id of another task/],
    [
      'the same task twice',
      [task('a'), task('b', ['a', 'a'])],
      'tasks[1].dependsOn[1]',
      /named once; tasks\[1\]\.dependsOn\[0\] names it too/
    ],
    [
      'what is no array',
      [{ ...task('a'), dependsOn: 'b' }],
      'tasks[0].dependsOn',
      /an array of at most 1000/
    ],
    ['what is no id', [{ ...task('a'), dependsOn: [7] }], 'tasks[0].dependsOn[0]', /7; it must be a string/],
    [
      'too many',
      [{ ...task('a'), dependsOn: Array.from({ length: 1_001 }, String) }],
      'tasks[0].dependsOn',
      /an array of at most 1000/
    ]
  ])('are refused before anything is written when there is %s', async (_, tasks, argument, message) => {
    const { fleet } = await dependentFleet();

    const submitted = fleet.submitBatch(tasks as never, { batchId: 'b' });

    await expect(submitted).rejects.toMatchObject({ code: 'ERR_VALIDATION', argument });
    await expect(submitted).rejects.toThrow(message);
    expect(await fleet.listBatches()).toEqual([]);
  });

  it('are shown as a short cycle, however long it is', async () => {
    const { fleet } = await dependentFleet();
    const tasks = chain(longerThanStack).map((each, index) => (index === 0 ? task('0', ['29999']) : each));

    await expect(fleet.submitBatch(tasks)).rejects.toThrow(
      /cycle "0" -> "29999" -> .* -> 29992 more -> "0"; it must be free of cycles$/
    );
  });

  it('come in any order in an event too, and are refused there', async () => {
    const { fleet, started } = await dependentFleet();
    fleet.actor.send(submitBatchEvent('b', [task('b', ['a']), task('a')]));
    await settled();

    expect(started).toEqual(['a', 'b']);
    expect(() => submitBatchEvent('c', [task('a', ['b']), task('b', ['a'])])).toThrow(/"a" -> "b" -> "a"/);
  });

  it('are not for single tasks', async () => {
    const { fleet } = await dependentFleet();
    await expect(fleet.submitAsync('work', null, { dependsOn: ['a'] } as never)).rejects.toMatchObject({
      code: 'ERR_VALIDATION',
      argument: 'options.dependsOn'
    });
  });

  it('may be a chain that is longer than a stack, in the wrong order', async () => {
    const { fleet, started } = await dependentFleet();
    await fleet.pause();
    const batchId = await fleet.submitBatch(chain(longerThanStack, { type: 'fail' }).toReversed());
    expect(await fleet.getStats()).toMatchObject({ blockedTasks: longerThanStack - 1 });

    await fleet.resume();

    expect(await fleet.waitForBatch(batchId)).toMatchObject({
      status: 'failed',
      cancelledTasks: longerThanStack - 1
    });
    expect(started).toEqual(['0']);
  });

  it('may be a thousand for one task, and a thousand tasks for one', async () => {
    const { fleet, started } = await dependentFleet({ config: { maxConcurrentWorkers: 100 } });
    const ids = Array.from({ length: 1_000 }, (_, index) => `m${index}`);
    const batchId = await fleet.submitBatch([
      task('last', ids),
      ...ids.map((id) => task(id, ['first'])),
      task('first')
    ]);

    expect(await fleet.waitForBatch(batchId)).toMatchObject({ status: 'completed', completedTasks: 1_002 });
    expect([started[0], started.at(-1)]).toEqual(['first', 'last']);
  });

  it('never fill a queue with tasks that wait for what has no room in it', async () => {
    const { fleet, started } = await dependentFleet({
      config: { maxRetries: 0, maxQueueSize: 2, onQueueFull: 'wait' }
    });

    const batchId = await fleet.submitBatch(chain(50).toReversed());

    expect(await fleet.waitForBatch(batchId)).toMatchObject({ status: 'completed', completedTasks: 50 });
    expect(started).toEqual(Array.from({ length: 50 }, (_, index) => String(index)));
  });

  it('count as waiting for a queue that is full', async () => {
    const { fleet } = await dependentFleet({ config: { maxQueueSize: 3, onQueueFull: 'reject' } });
    await expect(fleet.submitBatch(chain(5))).rejects.toMatchObject({ code: 'ERR_QUEUE_FULL' });
    await fleet.pause();
    await fleet.submitBatch(chain(3));
    await expect(fleet.submitAsync('work', null)).rejects.toMatchObject({ code: 'ERR_QUEUE_FULL' });
  });

  it('change nothing when they are submitted again, and conflict when they are others', async () => {
    const { fleet, started } = await dependentFleet();
    const options = { batchId: 'b' };
    await fleet.submitBatch([task('b', ['a']), task('a')], options);
    await fleet.submitBatch([task('a'), task('b', ['a'])], options);
    await settled();
    expect(started).toEqual(['a', 'b']);

    await expect(fleet.submitBatch([task('a'), task('b')], options)).rejects.toMatchObject({
      code: 'ERR_CONFLICT',
      id: 'b/b'
    });
  });
});

describe('dependencies of a stream', () => {
  it('are tasks that came before, also long ago', async () => {
    const { fleet, statuses } = await dependentFleet();
    const others = Array.from({ length: 2_500 }, (_, index) => task(`o${index}`));
    const batchId = await fleet.submitBatch(
      stream([task('a', [], { type: 'fail' }), task('b'), ...others, task('c', ['b']), task('d', ['a', 'c'])])
    );
    await fleet.waitForBatch(batchId);

    const last = await fleet.listTasks({ batchId, after: 2_502 });
    expect(last.map(({ id, status }) => `${id} ${status}`)).toEqual(['c completed', 'd cancelled']);
    expect(last[1]).toMatchObject({ error: `Depends on task "${batchId}/a", which failed` });
    expect((await statuses(batchId))[0]).toBe('a failed');
  });

  it.each([
    ['comes later', [task('a'), task('b', ['c']), task('c')]],
    ['never comes', [task('a'), task('b', ['c'])]]
  ])('are refused when one %s, and the batch is cancelled', async (_, tasks) => {
    const { fleet } = await dependentFleet();
    const items = [...Array.from({ length: 1_000 }, (__, index) => task(`o${index}`)), ...tasks];

    await expect(fleet.submitBatch(stream(items), { batchId: 'b' })).rejects.toMatchObject({
      code: 'ERR_VALIDATION',
      argument: 'dependsOn of task "b"',
      value: '"c"'
    });
    await settled();

    expect(await fleet.getBatchStatus('b')).toMatchObject({ status: 'cancelled', totalTasks: 1_000 });
  });

  it('may have settled long before, when the stream is continued', async () => {
    const { fleet, clock, handlers, started, restart, crash } = await dependentFleet();
    const begun = [task('a'), task('f', [], { type: 'fail' })];
    async function* interrupted(): AsyncGenerator<TestTask> {
      yield* begun;
      await new Promise(() => {});
    }
    fleet.submitBatch(interrupted(), { batchId: 'b' }).catch(() => {});
    await clock.advance(100);
    expect(started).toEqual(['a', 'f']);
    await crash();

    const next = await restart({ handlers });
    await next.fleet.submitBatch(
      stream([...begun, task('b', ['a']), task('c', ['f']), task('d', ['c', 'b'])]),
      { batchId: 'b' }
    );

    expect(await next.fleet.waitForBatch('b')).toMatchObject({
      completedTasks: 2,
      failedTasks: 1,
      cancelledTasks: 2
    });
    expect(await next.fleet.getTask('b/d')).toMatchObject({
      error: 'Depends on task "b/c", which was cancelled'
    });
  });
});

describe('retrying what depends on others', () => {
  it('keeps dependencies among the copies, and drops those that completed', async () => {
    let isLucky = false;
    const { fleet } = await startFleet({
      handlers: {
        work() {
          if (!isLucky) throw new Error('no luck');
        },
        good: () => {}
      },
      config: { maxRetries: 0 }
    });
    const batchId = await fleet.submitBatch([
      { id: 'a', type: 'good', data: null },
      { id: 'b', type: 'work', data: null, dependsOn: ['a'] },
      { id: 'c', type: 'good', data: null, dependsOn: ['a', 'b'] }
    ]);
    await fleet.waitForBatch(batchId);
    isLucky = true;

    const retried = await fleet.retryBatch(batchId);

    expect(await fleet.waitForBatch(retried)).toMatchObject({ status: 'completed', totalTasks: 2 });
    const [b, c] = await fleet.listTasks({ batchId: retried });
    expect(b).not.toHaveProperty('dependsOn');
    expect(c).toMatchObject({ id: 'c', dependsOn: ['b'] });
  });

  it('runs a single copy, whatever the original depended on', async () => {
    const { fleet } = await dependentFleet();
    const batchId = await fleet.submitBatch([task('a', [], { type: 'fail' }), task('b', ['a'])]);
    await fleet.waitForBatch(batchId);

    const key = await fleet.retryTask({ batchId, id: 'b' });

    await fleet.waitFor(key);
    expect(await fleet.getTask(key)).not.toHaveProperty('dependsOn');
  });
});

describe.each<[name: string, makeStore: () => Store]>([
  ['memory', () => memoryStore()],
  ['SQLite', () => sqliteStore(temporaryPath(), { durability: 'none' })]
])('dependencies in a store in %s', (_, makeStore) => {
  it('hold after a crash: what waited waits, and starts when the rest has completed', async () => {
    const { fleet, crash, restart } = await dependentFleet({ store: makeStore() });
    await fleet.submitBatch(
      [task('a'), task('b', [], { type: 'wait' }), task('c', ['a', 'b']), task('d', ['c'])],
      { batchId: 'b' }
    );
    await fleet.waitFor('b/a');
    await crash();

    const next = await restart({ handlers: { work: () => {}, wait: () => {}, fail: () => {} } });
    expect(await next.fleet.waitForBatch('b')).toMatchObject({ status: 'completed', completedTasks: 4 });
  });

  it.each([1, 2, 3])('lose nothing of a cascade that a crash cuts after commit %d', async (commits) => {
    const store = makeStore();
    const { fleet, clock, crash, restart, opened } = await dependentFleet({
      store: limited(store, () => left-- > 0)
    });
    let left = Infinity;
    const batchId = await fleet.submitBatch([
      task('x', [], { type: 'wait' }),
      ...chain(5_000, { type: 'wait' }),
      task('y', ['x'])
    ]);
    await settled();
    left = commits;
    void fleet.cancelTask({ batchId, id: '0' }).catch(() => {});
    await clock.advance(0);
    await crash();
    opened.open();

    const next = await restart({ store, handlers: { work: () => {}, wait: () => {}, fail: () => {} } });
    const status = await next.fleet.waitForBatch(batchId);
    expect(status.completedTasks + status.cancelledTasks).toBe(5_002);
    expect(await next.fleet.getStats()).toMatchObject({ blockedTasks: 0 });
    expect(await next.fleet.getTask({ batchId, id: 'y' })).toMatchObject({ status: 'completed' });
  });
});

describe('a refused turn', () => {
  it.each(['complete', 'fail'])('that told dependents to %s tells them again', async (end) => {
    const { store, next } = faultyStore();
    const { fleet, clock, opened, statuses } = await dependentFleet({ store });
    const batchId = await fleet.submitBatch([
      task('a', [], { type: 'wait' }),
      task('b', [], { type: 'wait' }),
      task('c', ['a', 'b']),
      task('d', ['c'])
    ]);
    await settled();
    const full = () => Promise.reject(new StoreError('ERR_STORE_FULL', 'The disk is full', 'refused'));
    next(full);
    next(full);
    if (end === 'complete') opened.open();
    else opened.fail(new Error('no luck'));
    await clock.advance(10_000);

    const [first, last] = end === 'complete' ? ['completed', 'completed'] : ['failed', 'cancelled'];
    expect(await statuses(batchId)).toEqual([`a ${first}`, `b ${first}`, `c ${last}`, `d ${last}`]);
    expect(await fleet.getStats()).toMatchObject({ blockedTasks: 0 });
  });

  it('that cancelled a dependent cancels it again, though the rest of what it waits for completes', async () => {
    const { store, next } = faultyStore();
    const { fleet, clock, opened, statuses } = await dependentFleet({ store });
    const batchId = await fleet.submitBatch([
      task('a', [], { type: 'wait' }),
      task('b', [], { type: 'wait' }),
      task('c', ['a', 'b'])
    ]);
    await settled();
    // The first commit is that of the command; the second one, that its handler has obeyed.
    next((write) => write());
    next(() => Promise.reject(new StoreError('ERR_STORE_FULL', 'The disk is full', 'refused')));
    await fleet.cancelTask({ batchId, id: 'a' });
    await clock.advance(1_000);
    opened.open();
    await clock.advance(1_000);

    expect(await statuses(batchId)).toEqual(['a cancelled', 'b completed', 'c cancelled']);
  });

  it('that brought dependents leaves nothing of them', async () => {
    const { store, next } = faultyStore();
    const { fleet, clock, opened } = await dependentFleet({ store });
    next(() => Promise.reject(new StoreError('ERR_STORE_FULL', 'The disk is full', 'refused')));
    await expect(fleet.submitBatch([...chain(5)], { batchId: 'b' })).rejects.toMatchObject({
      code: 'ERR_STORE_FULL'
    });
    await clock.advance(1_000);
    await fleet.submitBatch([task('a', [], { type: 'wait' }), task('b', ['a'])], { batchId: 'b' });
    opened.open();

    expect(await fleet.waitForBatch('b')).toMatchObject({ status: 'completed', totalTasks: 2 });
  });
});

/** A store that writes no more once it is told so; nobody hears of it. */
function limited(store: Store, mayWrite: () => boolean): Store {
  return { ...store, commit: (commit) => (mayWrite() ? store.commit(commit) : new Promise(() => {})) };
}
