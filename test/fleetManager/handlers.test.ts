import { describe, expect, it, vi } from 'vitest';
import {
  FleetManager,
  NonRetryableError,
  systemClock,
  TaskFailedError,
  ValidationError,
  type FleetFact,
  type HandlerContext
} from '../../src/index.ts';
import { gate, settled, startFleet } from '../harness.ts';
import { cyclic, nested } from '../hostileValues.ts';

const once = { maxRetries: 0 };
const notSerializable = 'ERR_RESULT_NOT_SERIALIZABLE';
const tooLarge = 'ERR_RESULT_TOO_LARGE';

describe('whatever a handler throws is a failure that is retried', () => {
  // Made by functions: the runner looks into the values of a table, and some of these bite.
  it.each<[what: string, make: () => unknown, name: string, message: string | RegExp]>([
    ['an Error', () => new RangeError('too far'), 'RangeError', 'too far'],
    ['text', () => 'too far', 'Error', 'too far'],
    ['empty text', () => '', 'Error', ''],
    ['undefined', () => undefined, 'Error', /undefined/],
    ['null', () => null, 'Error', /null/],
    ['a number', () => 42, 'Error', /42/],
    ['a symbol', () => Symbol('no'), 'Error', /a symbol/],
    ['a function', () => () => 1, 'Error', /a function/],
    ['a frozen object', () => Object.freeze({ message: 'cold' }), 'Error', 'cold'],
    ['an object without a prototype', () => Object.create(null) as unknown, 'Error', /an object/],
    ['a Proxy whose traps throw', hostileProxy, 'Error', /cannot be inspected/],
    ['an error whose getters throw', hostileError, 'Error', /of class Error/],
    [
      'an error whose fields are no text',
      () => Object.assign(new Error('x'), { name: 5, message: {} }),
      'Error',
      /of class Error/
    ],
    ['an error whose cause is itself', selfCaused, 'Error', 'around'],
    ['an error of 10 MB', hugeError, 'Error', /^m{8192}$/]
  ])('%s', async (_, make, name, message) => {
    const thrown = make();
    const { fleet, clock } = await startFleet({
      handlers: {
        throws: () => throwIt(thrown),
        rejects: async () => throwIt(thrown),
        echo: (data: unknown) => data
      }
    });
    const batchId = await fleet.submitBatch([
      { id: 'throws', type: 'throws', data: null, maxRetries: 1 },
      { id: 'rejects', type: 'rejects', data: null, maxRetries: 1 }
    ]);
    await clock.advance(1_000);

    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'failed', failedTasks: 2 });
    for (const result of await fleet.getBatchResults(batchId)) {
      expect(result).toMatchObject({ success: false, status: 'failed', attempts: 2 });
      expect(result.error).toMatch(message instanceof RegExp ? message : new RegExp(`^${message}$`));
      expect(result.failure).toMatchObject({ name, message: result.error, retryable: true });
      expect(result.failure?.stack?.length ?? 0).toBeLessThanOrEqual(16_384);
    }
    expect(await fleet.submit('echo', 'still there')).toBe('still there');
  });

  it('with the code that the error has', async () => {
    const { fleet } = await startFleet({
      handlers: { fails: () => throwIt(Object.assign(new Error('gone'), { code: 'ENOENT' })) }
    });
    const error = await fleet.submit('fails', null, once).catch((thrown: unknown) => thrown);

    expect((error as TaskFailedError).result.failure).toMatchObject({ code: 'ENOENT', message: 'gone' });
  });
});

describe('a NonRetryableError is not retried', () => {
  it.each<[how: string, handler: () => unknown]>([
    ['thrown', () => throwIt(new NonRetryableError('never'))],
    ['rejected with', async () => throwIt(new NonRetryableError('never'))],
    ['of a subclass', () => throwIt(new (class Fatal extends NonRetryableError {})('never'))],
    ['returned', () => ({ success: false, error: new NonRetryableError('never') })]
  ])('%s', async (_, handler) => {
    const { fleet } = await startFleet({ handlers: { fails: handler } });
    const error = await fleet.submit('fails', null, { maxRetries: 5 }).catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({
      code: 'ERR_TASK_FAILED',
      result: { attempts: 1, error: 'never', failure: { retryable: false, code: 'ERR_NON_RETRYABLE' } }
    });
  });
});

describe('{ success: false } is a failure like a throw', () => {
  it.each<[what: string, returned: unknown, message: string | RegExp]>([
    ['an Error', { success: false, error: new Error('no luck') }, 'no luck'],
    ['text', { success: false, error: 'no luck' }, 'no luck'],
    ['more than the error', { success: false, error: 'no luck', rows: [1n] }, 'no luck'],
    ['no error', { success: false }, /returned \{ success: false \}/]
  ])('with %s', async (_, returned, message) => {
    const { fleet, clock } = await startFleet({ handlers: { fails: () => returned } });
    const { key } = await fleet.submitAsync('fails', null, { maxRetries: 1 });
    await clock.advance(1_000);

    const task = await fleet.getTask(key);
    expect(task).toMatchObject({ status: 'failed', attempts: 2 });
    expect(task.error).toMatch(message);
  });

  it('but not { success: 0 } or { success: true }', async () => {
    const { fleet } = await startFleet({ handlers: { echo: (data: unknown) => data } });

    expect(await fleet.submit('echo', { success: 0 })).toEqual({ success: 0 });
    expect(await fleet.submit('echo', { success: true, error: 'none' })).toEqual({
      success: true,
      error: 'none'
    });
  });
});

describe('the first outcome of a handler counts, and only that', () => {
  it.each<
    [what: string, then: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void]
  >([
    [
      'resolves twice',
      (resolve) => {
        resolve('first');
        resolve('second');
      }
    ],
    [
      'resolves, then rejects',
      (resolve, reject) => {
        resolve('first');
        reject(new Error('second'));
      }
    ],
    [
      'resolves, then throws',
      (resolve) => {
        resolve('first');
        throw new Error('second');
      }
    ]
  ])('of a thenable that %s', async (_, then) => {
    // oxlint-disable-next-line unicorn/no-thenable -- that is what is tested
    const { fleet } = await startFleet({ handlers: { odd: () => ({ then }) as PromiseLike<unknown> } });

    expect(await fleet.submit('odd', null, once)).toBe('first');
    await settled();
    expect(await fleet.getStats()).toMatchObject({ completedTasks: 1, failedTasks: 0, lateOutcomes: 0 });
  });

  it.each<[what: string, thenable: () => unknown]>([
    [
      'rejects twice',
      () =>
        thenable((_, reject) => {
          reject(new Error('first'));
          reject(new Error('second'));
        })
    ],
    [
      'rejects, then resolves',
      () =>
        thenable((resolve, reject) => {
          reject(new Error('first'));
          resolve('second');
        })
    ],
    ['has a then that throws', () => thenable(() => throwIt(new Error('first')))],
    [
      'has a then that cannot be read',
      // oxlint-disable-next-line unicorn/no-thenable -- that is what is tested
      () => Object.defineProperty({}, 'then', { get: () => throwIt(new Error('first')) })
    ]
  ])('of a thenable that %s', async (_, returned) => {
    const { fleet } = await startFleet({ handlers: { odd: returned } });

    await expect(fleet.submit('odd', null, once)).rejects.toThrow(/first$/);
    await settled();
    expect(await fleet.getStats()).toMatchObject({ completedTasks: 0, failedTasks: 1, lateOutcomes: 0 });
  });

  it('what it returns after it was cancelled is discarded', async () => {
    const held = gate<string>();
    const { fleet } = await startFleet({
      handlers: { stubborn: () => held.promise, echo: (data) => data as unknown }
    });
    const { key } = await fleet.submitAsync('stubborn', null, { id: 'stubborn' });
    await settled();

    expect(await fleet.cancelTask(key)).toBe(true);
    expect(await fleet.getTask(key)).toMatchObject({ status: 'cancelling' });
    held.open('too late');
    await settled();

    expect(await fleet.getTask(key)).toMatchObject({ status: 'cancelled', attempts: 1 });
    await expect(fleet.waitFor(key)).rejects.toMatchObject({ code: 'ERR_TASK_CANCELLED' });
    expect(await fleet.getStats()).toMatchObject({ completedTasks: 0, cancelledTasks: 1, activeWorkers: 0 });
  });
});

describe('a result that JSON cannot hold fails the task, once', () => {
  it.each<[what: string, result: () => unknown, path: string, code?: string]>([
    ['that contains itself', cyclic, 'result.self'],
    ['of a BigInt', () => ({ rows: [1n] }), 'result.rows[0]'],
    ['of NaN', () => NaN, 'result'],
    ['of Infinity', () => [Infinity], 'result[0]'],
    ['of a Date', () => ({ at: new Date() }), 'result.at'],
    ['of a Map', () => new Map([[1, 2]]), 'result'],
    ['of a Buffer', () => Buffer.from('a'), 'result'],
    ['of a class', () => new Point(), 'result'],
    ['of an Error', () => new Error('returned, not thrown'), 'result'],
    ['of a function', () => () => 1, 'result'],
    ['of a symbol', () => Symbol('no'), 'result'],
    ['with a hole', () => Array.from({ length: 2 }), 'result[0]'],
    ['of 100,000 levels', () => nested(100_000), 'result[0]', tooLarge],
    ['of more than 1 MiB', () => 'x'.repeat(2 ** 20), 'result', tooLarge],
    ['of 100 MB', () => 'x'.repeat(1e8), 'result', tooLarge],
    ['of 2^40 shared parts', () => shared(40), 'result', tooLarge],
    [
      'with a getter that throws',
      () => ({
        get value() {
          return throwIt(new Error('no'));
        }
      }),
      'result.value'
    ],
    [
      'with a toJSON of its own that throws',
      () => ({ toJSON: () => throwIt(new Error('no')) }),
      'result.toJSON'
    ],
    ['with a toJSON of its class that throws', () => new Unwilling(), 'result'],
    [
      'of a Proxy whose traps throw',
      () => new Proxy({}, { ownKeys: () => throwIt(new Error('no')) }),
      'result'
    ]
  ])('%s', async (_, result, path, code = notSerializable) => {
    const { fleet } = await startFleet({
      handlers: { sync: result, async: async () => result(), echo: (data: unknown) => data }
    });
    const batchId = await fleet.submitBatch([
      { id: 'sync', type: 'sync', data: null, maxRetries: 5 },
      { id: 'async', type: 'async', data: null, maxRetries: 5 }
    ]);

    expect(await fleet.waitForBatch(batchId)).toMatchObject({ status: 'failed', failedTasks: 2 });
    for (const settledResult of await fleet.getBatchResults(batchId)) {
      expect(settledResult).toMatchObject({
        status: 'failed',
        attempts: 1,
        failure: { code, retryable: false }
      });
      expect(settledResult.error?.startsWith(path)).toBe(true);
    }
    expect(await fleet.submit('echo', 'still there')).toBe('still there');
  });

  it('a revoked Proxy is a failure too', async () => {
    const { fleet } = await startFleet({
      handlers: {
        odd: () => {
          const { proxy, revoke } = Proxy.revocable({}, {});
          revoke();
          return proxy;
        }
      }
    });

    await expect(fleet.submit('odd', null, once)).rejects.toThrow(TaskFailedError);
  });
});

it.each<[what: string, returned: unknown, result: unknown]>([
  ['nothing', undefined, undefined],
  ['null', null, null],
  ['false', false, false],
  ['0', 0, 0],
  ['empty text', '', ''],
  ['-0, as 0', -0, 0],
  ['a lone surrogate', '\ud800', '\ud800'],
  ['a field that is undefined, without it', { a: undefined, b: 1 }, { b: 1 }],
  ['a frozen object', Object.freeze([Object.freeze({ a: 1 })]), [{ a: 1 }]]
])('a handler may return %s', async (_, returned, result) => {
  const { fleet } = await startFleet({ handlers: { odd: () => returned } });
  const batchId = await fleet.submitBatch([{ id: 'a', type: 'odd', data: null }]);
  await fleet.waitForBatch(batchId);

  const [stored] = await fleet.getBatchResults(batchId);
  expect(stored).toMatchObject({ success: true, status: 'completed' });
  expect(stored?.result).toEqual(result);
  expect(Object.is(stored?.result, -0)).toBe(false);
});

describe('what a handler is given', () => {
  it('is its task, key, attempt, signal, worker, and ways to tell how far it is, also taken apart', async () => {
    const facts: FleetFact[] = [];
    const seen: unknown[] = [];
    const { fleet } = await startFleet({
      handlers: {
        work: async (
          data: { n: number },
          { task, key, attempt, signal, progress, log, workerId }: HandlerContext
        ) => {
          await Promise.resolve();
          seen.push({ data, task, key, attempt, workerId, aborted: signal.aborted });
          progress({ done: 0.5 });
          log('half way');
          return data.n;
        }
      }
    });
    fleet.on('task.progress', (fact) => facts.push(fact));
    fleet.on('task.log', (fact) => facts.push(fact));
    const batchId = await fleet.submitBatch(
      [{ id: 'a', type: 'work', data: { n: 1 }, metadata: { trace: 'x' } }],
      { batchId: 'b' }
    );
    await fleet.waitForBatch(batchId);

    expect(seen).toEqual([
      {
        data: { n: 1 },
        task: { id: 'a', key: 'b/a', batchId: 'b', type: 'work', metadata: { trace: 'x' } },
        key: 'b/a',
        attempt: 1,
        workerId: expect.stringContaining('worker') as unknown,
        aborted: false
      }
    ]);
    expect(facts).toEqual([
      { type: 'task.progress', key: 'b/a', batchId: 'b', attempt: 1, value: { done: 0.5 } },
      { type: 'task.log', key: 'b/a', batchId: 'b', attempt: 1, line: 'half way' }
    ]);
    const [result] = await fleet.getBatchResults(batchId);
    expect((seen[0] as { workerId: string }).workerId).toBe(result?.workerId);
  });

  it('is one signal, however often it asks, and it says why it was aborted', async () => {
    const signals: AbortSignal[] = [];
    const held = gate();
    const { fleet } = await startFleet({
      handlers: {
        work: async (_: null, context) => {
          signals.push(context.signal, context.signal);
          await held.promise;
        }
      }
    });
    const { key } = await fleet.submitAsync('work', null);
    await settled();
    await fleet.cancelTask(key);
    held.open();

    expect(signals[0]).toBe(signals[1]);
    expect(signals[0]?.reason).toMatchObject({ name: 'AbortError', message: 'The task was cancelled' });
  });

  it('is aborted already when it asks for its signal too late', async () => {
    const held = gate();
    const asked = gate<AbortSignal>();
    const { fleet } = await startFleet({
      handlers: {
        work: async (_: null, context) => {
          await held.promise;
          asked.open(context.signal);
        }
      }
    });
    const { key } = await fleet.submitAsync('work', null);
    await settled();
    await fleet.cancelTask(key);
    held.open();

    expect((await asked.promise).aborted).toBe(true);
  });

  it('is its own copy: what it changes is as it was for the next attempt and for everybody else', async () => {
    const seen: string[] = [];
    const { fleet, clock } = await startFleet({
      handlers: {
        vandal: (data: { list: number[]; added?: boolean }, { task, attempt }) => {
          seen.push(JSON.stringify([data, task.metadata]));
          data.list.push(99);
          data.added = true;
          (task.metadata as { trace: string }).trace = 'changed';
          if (attempt === 1) throw new Error('again');
          return data;
        }
      }
    });
    const data = { list: [1] };
    const metadata = { trace: 'x' };
    const { key } = await fleet.submitAsync('vandal', data, { metadata });
    data.list.push(2);
    metadata.trace = 'changed by the caller';
    await clock.advance(1_000);

    expect(seen).toEqual(['[{"list":[1]},{"trace":"x"}]', '[{"list":[1]},{"trace":"x"}]']);
    expect(await fleet.getTask(key)).toMatchObject({
      data: { list: [1] },
      metadata: { trace: 'x' },
      attempts: 2
    });
    expect(await fleet.waitFor(key)).toEqual({ list: [1, 99], added: true });
  });

  it('refuses progress that JSON cannot hold, where it is told', async () => {
    const caught = gate<unknown>();
    const { fleet } = await startFleet({
      handlers: {
        work: (_: null, { progress }) => {
          try {
            progress({ at: 1n } as never);
          } catch (error) {
            caught.open(error);
          }
        }
      }
    });
    await fleet.submit('work', null);

    expect(await caught.promise).toMatchObject({ code: 'ERR_VALIDATION', argument: 'progress.at' });
    expect(await caught.promise).toBeInstanceOf(ValidationError);
  });

  it('tells nothing any more once its attempt is over', async () => {
    const facts: FleetFact[] = [];
    const context = gate<HandlerContext>();
    const { fleet } = await startFleet({
      handlers: {
        work: (_: null, given) => {
          context.open(given);
        }
      }
    });
    fleet.on('task.log', (fact) => facts.push(fact));
    fleet.on('task.progress', (fact) => facts.push(fact));
    await fleet.submit('work', null);
    const { log, progress } = await context.promise;
    log('late');
    progress(1);
    await settled();

    expect(facts).toEqual([]);
  });

  it('tells nothing for an attempt that is over while the next one runs', async () => {
    const lines: string[] = [];
    const logs: HandlerContext['log'][] = [];
    const { fleet, clock } = await startFleet({
      handlers: {
        work: (_: null, { log, attempt }) => {
          logs.push(log);
          if (attempt === 1) throw new Error('again');
          return new Promise(() => {});
        }
      }
    });
    fleet.on('task.log', ({ line, attempt }) => lines.push(`${line} of ${attempt}`));
    await fleet.submitAsync('work', null);
    await clock.advance(100);
    for (const [index, log] of logs.entries()) log(`line ${index + 1}`);
    await settled();

    expect(lines).toEqual(['line 2 of 2']);
  });

  it('cuts a line at 4,096 characters', async () => {
    const lines: string[] = [];
    const { fleet } = await startFleet({ handlers: { work: (_: null, { log }) => log('x'.repeat(1e6)) } });
    fleet.on('task.log', ({ line }) => lines.push(line));
    await fleet.submit('work', null);

    expect(lines).toEqual(['x'.repeat(4_096)]);
  });
});

describe('a handler that uses its own fleet', () => {
  it('may submit 10,000 tasks, which run', async () => {
    const { fleet } = await startFleet({
      handlers: {
        parent: (): Promise<string> =>
          fleet.submitBatch(
            Array.from(
              { length: 10_000 },
              (_, index) => ({ id: String(index), type: 'child', data: index }) as never
            ),
            { batchId: 'children' }
          ),
        child: (data: number) => data * 2
      },
      config: { maxConcurrentWorkers: 1 }
    });

    expect(await fleet.submit('parent', null)).toBe('children');
    expect(await fleet.waitForBatch('children')).toMatchObject({
      status: 'completed',
      completedTasks: 10_000
    });
  });

  it('may wait for another task, as long as a worker is left to run it', async () => {
    const { fleet } = await startFleet({
      handlers: {
        parent: (): Promise<number> => fleet.submit('child', 21) as Promise<number>,
        child: (data: number) => data * 2
      },
      config: { maxConcurrentWorkers: 2 }
    });

    expect(await fleet.submit('parent', null)).toBe(42);
  });

  it.each<[what: string, wait: (fleet: AnyFleet, context: HandlerContext) => Promise<unknown>, id: string]>([
    ['its task', (fleet, { key }) => fleet.waitFor(key), 'b/selfish'],
    ['its task by its id', (fleet, { task }) => fleet.waitFor({ batchId: 'b', id: task.id }), 'b/selfish'],
    ['its task for a while', (fleet, { key }) => fleet.waitFor(key, { timeoutMs: 1_000 }), 'b/selfish'],
    ['its task, far from its call', (fleet, { key }) => later(() => fleet.waitFor(key)), 'b/selfish'],
    ['its batch', (fleet) => fleet.waitForBatch('b'), 'b'],
    ['the end of the results of its batch', (fleet) => readAll(fleet.streamBatchResults('b')), 'b']
  ])('is refused to wait for %s, at once and for good', async (_, wait, id) => {
    const { fleet } = await startFleet({
      handlers: {
        selfish: (_data: null, context: HandlerContext): Promise<unknown> => wait(fleet, context),
        echo: (data: unknown) => data
      },
      config: { maxConcurrentWorkers: 1 }
    });
    await fleet.submitBatch(
      [
        { id: 'other', type: 'echo', data: 1, priority: 10 },
        { id: 'selfish', type: 'selfish', data: null }
      ],
      { batchId: 'b' }
    );

    expect(await fleet.waitForBatch('b')).toMatchObject({ status: 'partial', failedTasks: 1 });
    const [result] = await fleet.getBatchResults('b', { success: false });
    expect(result).toMatchObject({
      attempts: 1,
      failure: { name: 'SelfAwaitError', code: 'ERR_SELF_AWAIT', retryable: false }
    });
    expect(result?.error).toContain(`"${id}"`);
    expect(await fleet.submit('echo', 'still there')).toBe('still there');
  });

  it('may leave code behind that waits for its end', async () => {
    const held = gate();
    const outcome = gate<unknown>();
    const { fleet } = await startFleet({
      handlers: {
        starter: (_: null, { key }): string => {
          void held.promise.then(() => fleet.waitFor(key)).then(outcome.open, outcome.open);
          return 'done';
        }
      }
    });
    await fleet.submit('starter', null);
    held.open();

    expect(await outcome.promise).toBe('done');
  });

  it('may wait for a task of another fleet that has the same key', async () => {
    const other = await startFleet({ handlers: { echo: (data: unknown) => data } });
    const { fleet } = await startFleet({
      handlers: {
        ask: async (_: null, { key }): Promise<unknown> =>
          other.fleet.submit('echo', 'from there', { id: key })
      }
    });

    expect(await fleet.submit('ask', null, { id: 'same' })).toBe('from there');
  });

  it('may scale it to one worker while many run', async () => {
    const { fleet } = await startFleet({
      handlers: {
        scaler: async (index: number): Promise<number> => {
          await fleet.scaleWorkers(1);
          return index;
        }
      },
      config: { maxConcurrentWorkers: 10 }
    });
    const batchId = await fleet.submitBatch(
      Array.from({ length: 50 }, (_, index) => ({ id: `${index}`, type: 'scaler' as const, data: index }))
    );

    expect(await fleet.waitForBatch(batchId)).toMatchObject({ status: 'completed', completedTasks: 50 });
    await settled();
    expect(await fleet.getStats()).toMatchObject({ workerCount: 1 });
  });

  it('may cancel the batch that it is part of', async () => {
    const { fleet } = await startFleet({
      handlers: { rebel: (): Promise<boolean> => fleet.cancelBatch('b') },
      config: { maxConcurrentWorkers: 1 }
    });
    await fleet.submitBatch(
      ['1', '2', '3'].map((id) => ({ id, type: 'rebel' as const, data: null })),
      { batchId: 'b' }
    );

    expect(await fleet.waitForBatch('b')).toMatchObject({ status: 'cancelled', cancelledTasks: 3 });
  });

  it('may cancel itself', async () => {
    const { fleet } = await startFleet({
      handlers: {
        shy: async (_: null, { key, signal }): Promise<unknown> => {
          const isCancelled: boolean = await fleet.cancelTask(key);
          return { isCancelled, aborted: signal.aborted };
        },
        echo: (data: unknown) => data
      }
    });

    await expect(fleet.submit('shy', null)).rejects.toMatchObject({ code: 'ERR_TASK_CANCELLED' });
    expect(await fleet.submit('echo', 'still there')).toBe('still there');
  });

  it('may stop the fleet: it is aborted at the timeout, and back at the next start', async () => {
    const stopped = gate();
    const attempts: number[] = [];
    const first = await startFleet({
      handlers: {
        closer: async (_: null, { attempt }) => {
          attempts.push(attempt);
          if (attempt > 1) return 'done';
          await first.fleet.stop({ timeoutMs: 1_000 }).then(stopped.open);
          return 'never';
        }
      }
    });
    const { key } = await first.fleet.submitAsync('closer', null);
    await first.clock.advance(1_000);
    await stopped.promise;
    const { fleet } = await first.restart();

    expect(await fleet.waitFor(key)).toBe('done');
    expect(attempts).toEqual([1, 2]);
  });
});

describe('a listener', () => {
  it.each<[what: string, make: () => unknown]>([
    ['an Error', () => new Error('bad listener')],
    ['undefined', () => undefined],
    ['an object without a prototype', () => Object.create(null) as unknown],
    ['a Proxy whose traps throw', hostileProxy]
  ])('that throws %s is reported, and disturbs nobody else', async (_, make) => {
    const thrown = make();
    const reported: unknown[] = [];
    const told: string[] = [];
    const { fleet } = await startFleet({
      handlers: { echo: (data: unknown) => data },
      onListenerError: (error) => reported.push(error)
    });
    fleet.on('batch.settled', () => throwIt(thrown));
    fleet.on('*', () => throwIt(thrown));
    fleet.on('batch.settled', ({ batchId }) => told.push(batchId));
    for (const batchId of ['first', 'second']) await fleet.submitBatch([], { batchId });
    await settled();

    expect(told).toEqual(['first', 'second']);
    expect(reported.length).toBe(6);
    expect(reported.every((error) => error === thrown)).toBe(true);
    expect(await fleet.submit('echo', 'still there')).toBe('still there');
  });

  it.each<[what: string, options: { onListenerError?: (error: unknown) => void }]>([
    ['where nobody takes its error', {}],
    ['where whoever takes its error throws as well', { onListenerError: (error) => throwIt(error) }]
  ])('that throws is a warning of the process %s', async (_, options) => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { fleet } = await startFleet({ handlers: { echo: (data: unknown) => data }, ...options });
    const told: string[] = [];
    fleet.on('batch.settled', () => throwIt(Object.create(null)));
    fleet.on('batch.settled', () => throwIt(hostileProxy()));
    fleet.on('batch.settled', () => throwIt(new Error('bad listener')));
    fleet.on('batch.settled', ({ batchId }) => told.push(batchId));
    fleet.store.subscribe(() => throwIt(new Error('bad subscriber')));
    await fleet.submitBatch([], { batchId: 'b' });
    await settled();
    expect(await fleet.submit('echo', 'still there')).toBe('still there');

    expect(told).toEqual(['b']);
    const messages = warn.mock.calls.map(([message]) => String(message));
    expect(messages.filter((message) => message.includes('bad listener'))).toHaveLength(1);
    expect(messages.filter((message) => message.includes('bad subscriber')).length).toBeGreaterThan(0);
    expect(messages.every((message) => message.startsWith("A subscriber of the fleet's events threw"))).toBe(
      true
    );
    expect(messages.length).toBeGreaterThanOrEqual(4);
  });

  it('may leave while it is told', async () => {
    const told: string[] = [];
    const { fleet } = await startFleet({ handlers: {} });
    const subscription = fleet.on('batch.settled', ({ batchId }) => {
      told.push(`leaving ${batchId}`);
      subscription[Symbol.dispose]();
      subscription[Symbol.dispose]();
    });
    fleet.on('batch.settled', ({ batchId }) => told.push(`staying ${batchId}`));
    for (const batchId of ['1', '2']) await fleet.submitBatch([], { batchId });
    await settled();

    expect(told).toEqual(['leaving 1', 'staying 1', 'staying 2']);
  });

  it('may add itself and others while it is told, who hear of the next fact', async () => {
    const told: string[] = [];
    const { fleet } = await startFleet({ handlers: {} });
    const listener = ({ batchId }: { batchId: string }): void => {
      told.push(batchId);
      fleet.on('batch.settled', listener);
      fleet.on('batch.settled', ({ batchId: later }) => told.push(`other ${later}`));
    };
    fleet.on('batch.settled', listener);
    for (const batchId of ['1', '2']) await fleet.submitBatch([], { batchId });
    await settled();

    expect(told).toEqual(['1', '2', 'other 2']);
  });

  it('may use the fleet', async () => {
    const { fleet } = await startFleet({ handlers: { echo: (data: unknown) => data } });
    const answer = gate<unknown>();
    fleet.on('batch.settled', () => void fleet.submit('echo', 'from a listener').then(answer.open));
    await fleet.submitBatch([]);

    expect(await answer.promise).toBe('from a listener');
  });

  it('of the read model that throws does not hold the fleet up', async () => {
    const reported: unknown[] = [];
    const told: number[] = [];
    const bad = new Error('bad subscriber');
    const { fleet } = await startFleet({
      handlers: { echo: (data: unknown) => data },
      onListenerError: (error) => reported.push(error)
    });
    fleet.store.subscribe(() => throwIt(bad));
    fleet.store.subscribe(({ context }) => told.push(context.stats.counts.completed));

    expect(await fleet.submit('echo', 1)).toBe(1);
    expect(await fleet.submit('echo', 2)).toBe(2);
    await settled();
    expect(told.at(-1)).toBe(2);
    expect(reported).toContain(bad);
  });

  it('of inspection that throws does not hold the fleet up', async () => {
    const reported: unknown[] = [];
    const bad = new Error('bad inspector');
    const { fleet } = await startFleet({
      handlers: { echo: (data: unknown) => data },
      inspect: () => throwIt(bad),
      onListenerError: (error) => reported.push(error)
    });

    expect(await fleet.submit('echo', 1)).toBe(1);
    expect(reported).toContain(bad);
  });
});

it('a handler that replaces the clock and the dice of the process does not disturb the fleet', async () => {
  const { now } = Date;
  const { random } = Math;
  const { setTimeout: timeout, setImmediate: immediate } = globalThis;
  const restore = () => {
    Date.now = now;
    Math.random = random;
    Object.assign(globalThis, { setTimeout: timeout, setImmediate: immediate });
  };
  const before = now();
  const fleet = new FleetManager({
    handlers: {
      vandal: (_: null, { attempt }) => {
        if (attempt < 3) {
          Date.now = () => 0;
          Math.random = () => throwIt(new Error('no dice'));
          Object.assign(globalThis, { setTimeout: () => 0, setImmediate: () => 0 });
          throw new Error('again');
        }
        return attempt;
      }
    },
    retry: { baseMs: 2, factor: 1, maxMs: 2 }
  });
  await fleet.start();
  try {
    const { key } = await fleet.submitAsync('vandal', null);
    expect(await fleet.waitFor(key, { timeoutMs: 5_000 })).toBe(3);
    const task = await fleet.getTask(key);
    expect(task.createdAt).toBeGreaterThanOrEqual(before);
    expect(task.settledAt).toBeLessThanOrEqual(now());
    expect(task.settledAt).toBeGreaterThanOrEqual(task.createdAt);
  } finally {
    restore();
    await fleet.stop();
  }
});

describe('a handler that replaces a builtin does not disturb the fleet', () => {
  const never = () => throwIt(new Error('replaced'));

  it.each<[what: string, holder: object, replacements: object]>([
    ['performance.now', performance, { now: never }],
    ['queueMicrotask', globalThis, { queueMicrotask: never }],
    ['clearTimeout', globalThis, { clearTimeout: never, clearImmediate: never }],
    ['JSON.parse', JSON, { parse: never }],
    ['Promise.resolve', Promise, { resolve: never }],
    ['AbortController', globalThis, { AbortController: never }],
    ['a field of every object', Object.prototype, { priority: 'high', maxRetries: -1, startAfter: -1 }]
  ])('%s', async (_, holder, replacements) => {
    const { fleet, clock } = await startFleet({
      handlers: {
        vandal: (_data: null, { attempt }) => {
          if (attempt === 2) return attempt;
          Object.assign(holder, replacements);
          throw new Error('again');
        },
        echo: async (data: unknown) => data
      }
    });
    const names = Object.keys(replacements);
    const saved = names.map((name) => Object.getOwnPropertyDescriptor(holder, name));
    let results: unknown[];
    try {
      await fleet.submitAsync('vandal', null, { id: 'vandal' });
      await clock.advance(1_000);
      const echoed = fleet.submit('echo', { list: [1] });
      results = [await fleet.waitFor('vandal'), await echoed];
    } finally {
      for (const [index, name] of names.entries()) {
        const property = saved[index];
        if (property) Object.defineProperty(holder, name, property);
        else Reflect.deleteProperty(holder, name);
      }
    }

    expect(results).toEqual([2, { list: [1] }]);
  });
});

type AnyFleet = Pick<FleetManager, 'waitFor' | 'waitForBatch' | 'streamBatchResults'>;

async function later<T>(call: () => Promise<T>): Promise<T> {
  await new Promise<void>((resolve) => systemClock.setSoon(resolve));
  return call();
}

async function readAll(results: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of results);
}

class Point {
  readonly x = 1;
}

class Unwilling {
  toJSON(): never {
    throw new Error('no');
  }
}

/** Throws anything, as handlers do. */
function throwIt(thrown: unknown): never {
  throw thrown;
}

function thenable(
  then: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void
): PromiseLike<unknown> {
  // oxlint-disable-next-line unicorn/no-thenable -- that is what is tested
  return { then } as PromiseLike<unknown>;
}

function hostileProxy(): object {
  const refuse = () => throwIt(new Error('a trap'));
  return new Proxy(new Error('hidden'), {
    get: refuse,
    getPrototypeOf: refuse,
    has: refuse,
    ownKeys: refuse
  });
}

function hostileError(): Error {
  const get = () => throwIt(new Error('a getter'));
  const error = new Error('hidden');
  for (const field of ['stack', 'name', 'message', 'code', 'cause'])
    Object.defineProperty(error, field, { get });
  return error;
}

function hugeError(): Error {
  return Object.assign(new Error('m'.repeat(1e7)), { stack: 's'.repeat(1e7) });
}

function selfCaused(): Error {
  const error = new Error('around');
  error.cause = error;
  return error;
}

/** Small in memory, 2^levels values as text. */
function shared(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = [value, value];
  return value;
}
