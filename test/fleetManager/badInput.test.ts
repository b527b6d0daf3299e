import { describe, expect, it } from 'vitest';
import { FleetManager, ValidationError, inProcess, memoryStore, submitBatchEvent } from '../../src/index.ts';
import { usualChunkTasks } from '../../src/submission/batchSubmission.ts';
import { settled, startFleet, type SimulatedClock } from '../harness.ts';
import { cyclic, nested, unreadable } from '../hostileValues.ts';

const good = { id: 'good', type: 'echo' as const, data: 1 };
const ids = 'tasks[1].id';

/** What is wrong, what the bad task has, and what the error names: the argument, the value, what is allowed. */
const badTasks: [
  what: string,
  fields: Record<string, unknown>,
  argument: string,
  value: string,
  allowed: RegExp
][] = [
  ['a priority of NaN', { priority: NaN }, 'tasks[1].priority', 'NaN', /finite number/],
  ['a priority of Infinity', { priority: Infinity }, 'tasks[1].priority', 'Infinity', /finite number/],
  ['a priority of -Infinity', { priority: -Infinity }, 'tasks[1].priority', '-Infinity', /finite number/],
  ['a priority that is text', { priority: '5' }, 'tasks[1].priority', '"5"', /finite number/],
  ['a priority of null', { priority: null }, 'tasks[1].priority', 'null', /finite number/],
  ['a BigInt as priority', { priority: 5n }, 'tasks[1].priority', '5n', /finite number/],

  ['a negative timeout', { timeoutMs: -1 }, 'tasks[1].timeoutMs', '-1', /milliseconds/],
  ['a timeout of 0', { timeoutMs: 0 }, 'tasks[1].timeoutMs', '0', /milliseconds/],
  ['a timeout of NaN', { timeoutMs: NaN }, 'tasks[1].timeoutMs', 'NaN', /milliseconds/],
  ['a timeout of Infinity', { timeoutMs: Infinity }, 'tasks[1].timeoutMs', 'Infinity', /milliseconds/],
  ['a timeout with a unit', { timeoutMs: '10s' }, 'tasks[1].timeoutMs', '"10s"', /milliseconds/],
  ['a timeout of null', { timeoutMs: null }, 'tasks[1].timeoutMs', 'null', /milliseconds/],

  ['a negative delay', { delayMs: -1 }, 'tasks[1].delayMs', '-1', /milliseconds/],
  ['a delay of NaN', { delayMs: NaN }, 'tasks[1].delayMs', 'NaN', /milliseconds/],
  ['a delay of Infinity', { delayMs: Infinity }, 'tasks[1].delayMs', 'Infinity', /milliseconds/],
  ['a delay with a unit', { delayMs: '10s' }, 'tasks[1].delayMs', '"10s"', /milliseconds/],
  ['a start time of NaN', { startAfter: NaN }, 'tasks[1].startAfter', 'NaN', /epoch milliseconds/],
  ['a negative start time', { startAfter: -1 }, 'tasks[1].startAfter', '-1', /epoch milliseconds/],
  ['a start time beyond all dates', { startAfter: 9e15 }, 'tasks[1].startAfter', '9000000000000000', /epoch/],
  [
    'a Date as start time',
    { startAfter: new Date(0) },
    'tasks[1].startAfter',
    'an object of class Date',
    /epoch/
  ],
  ['a delay and a start time', { delayMs: 1, startAfter: 1 }, 'tasks[1].delayMs', '1', /absent/],

  ['negative retries', { maxRetries: -1 }, 'tasks[1].maxRetries', '-1', /integer from 0/],
  ['a fraction of retries', { maxRetries: 1.5 }, 'tasks[1].maxRetries', '1.5', /integer from 0/],
  ['endless retries', { maxRetries: Infinity }, 'tasks[1].maxRetries', 'Infinity', /integer from 0/],
  ['retries that are text', { maxRetries: '3' }, 'tasks[1].maxRetries', '"3"', /integer from 0/],

  ['an empty id', { id: '' }, ids, '""', /not blank/],
  ['a blank id', { id: ' \t ' }, ids, String.raw`" \t "`, /not blank/],
  ['an id of 257 bytes', { id: `${'é'.repeat(128)}x` }, ids, `"${'é'.repeat(80)}…"`, /at most 256 bytes/],
  ['a NUL in an id', { id: 'a\0b' }, ids, String.raw`"a\u0000b"`, /control characters/],
  ['a newline in an id', { id: 'a\nb' }, ids, String.raw`"a\nb"`, /control characters/],
  ['a lone surrogate in an id', { id: 'a\ud800' }, ids, String.raw`"a\ud800"`, /lone surrogates/],
  ['a number as id', { id: 1 }, ids, '1', /a string/],
  ['no id', { id: undefined }, ids, 'undefined', /a string/],

  [
    'an unknown type',
    { type: 'ehco' },
    'tasks[1].type',
    '"ehco"',
    /one of the types that have a handler: "echo"/
  ],
  ['a type that every object has', { type: 'constructor' }, 'tasks[1].type', '"constructor"', /"echo"/],
  ['no type', { type: undefined }, 'tasks[1].type', 'undefined', /a string/],
  ['an unknown field', { priorty: 1 }, 'tasks[1].priorty', 'no known field', /priority, tags, timeoutMs/],
  [
    'a prototype among its fields',
    JSON.parse('{"__proto__":{"priority":1}}') as Record<string, unknown>,
    'tasks[1].__proto__',
    'no known field',
    /one of id/
  ],
  ['a number as origin', { retryOf: 1 }, 'tasks[1].retryOf', '1', /a string/],
  [
    'metadata that is no JSON',
    { metadata: new Map() },
    'tasks[1].metadata',
    'an object of class Map',
    /JSON/
  ],

  ['data that cannot be read', { data: unreadable() }, 'tasks[1].data', 'unreadable', /JSON/],
  ['data that contains itself', { data: cyclic() }, 'tasks[1].data.self', 'contains itself', /JSON/],
  ['a BigInt in its data', { data: { rows: [1n] } }, 'tasks[1].data.rows[0]', '1n', /JSON/],
  ['a promise as its data', { data: Promise.resolve(1) }, 'tasks[1].data', 'Promise', /JSON/],
  ['a Date in its data', { data: { at: new Date() } }, 'tasks[1].data.at', 'an object of class Date', /JSON/],
  ['NaN in its data', { data: [NaN] }, 'tasks[1].data[0]', 'NaN', /JSON/],
  ['a function as data', { data: () => 1 }, 'tasks[1].data', 'a function', /JSON/],
  ['a hole in its data', { data: sparse([1], 3) }, 'tasks[1].data[1]', 'undefined', /JSON/],
  [
    'data of more than 1 MiB',
    { data: 'x'.repeat(2 ** 20) },
    'tasks[1].data',
    'larger than 1048576 bytes',
    /JSON within `limits`/
  ],
  [
    'data of 65 levels',
    { data: nested(65) },
    `tasks[1].data${'[0]'.repeat(64)}`,
    'nested deeper than 64',
    /JSON/
  ],
  [
    'data of 100,000 levels',
    { data: nested(100_000) },
    `tasks[1].data${'[0]'.repeat(64)}`,
    'nested deeper',
    /JSON/
  ],
  ['data with a getter that throws', { data: throwing() }, 'tasks[1].data.value', 'unreadable', /JSON/]
];

const badItems: [what: string, item: unknown, value: string][] = [
  ['null', null, 'null'],
  ['undefined', undefined, 'undefined'],
  ['a number', 5, '5'],
  ['an id', 'good', '"good"'],
  ['an array', [good], 'an array of 1']
];

it('says which options a fleet has', () => {
  const make = () => new FleetManager({ handlers: {}, inspekt: () => {} } as never);
  expect(make).toThrow(
    /options\.inspekt is no known field; it must be one of name, handlers.*inspect, .*record/
  );
});

describe('an array of tasks is refused whole', () => {
  it.each(badTasks)('for %s', async (_, fields, argument, value, allowed) => {
    const { fleet, store } = await echoFleet();
    const before = await fleet.getStats();
    const tasks = [good, { ...good, id: 'bad', ...fields }, { ...good, id: 'also good' }];

    const error = await rejection(() => fleet.submitBatch(tasks as never, { batchId: 'b' }));

    expectRefusal(error, argument, value, allowed);
    expect(await store.readBatch('test', 'b')).toBeNull();
    expect(await store.listTasks('test', { limit: 1 })).toEqual([]);
    expect(await fleet.getStats()).toEqual(before);
    expect(await fleet.submit('echo', 'still there')).toBe('still there');
  });

  it.each(badItems)('for an item that is %s', async (_, item, value) => {
    const { fleet, store } = await echoFleet();

    const error = await rejection(() => fleet.submitBatch([good, item] as never, { batchId: 'b' }));

    expectRefusal(error, 'tasks[1]', value, /an object/);
    expect(await store.readBatch('test', 'b')).toBeNull();
  });

  it('for a hole', async () => {
    const { fleet, store } = await echoFleet();
    const tasks = sparse([good], 3, { ...good, id: 'last' });

    const error = await rejection(() => fleet.submitBatch(tasks as never, { batchId: 'b' }));

    expectRefusal(error, 'tasks[1]', 'undefined', /an object/);
    expect(await store.readBatch('test', 'b')).toBeNull();
  });

  it('for an id that an earlier task has, which it names', async () => {
    const { fleet, store } = await echoFleet();
    const tasks = [good, { ...good, id: 'other' }, good];

    const error = await rejection(() => fleet.submitBatch(tasks, { batchId: 'b' }));

    expectRefusal(error, 'tasks[2].id', '"good"', /unique in its batch.*tasks\[0\]/);
    expect(await store.readBatch('test', 'b')).toBeNull();
  });

  it('for a bad task after thousands of good ones', async () => {
    const { fleet, store } = await echoFleet();
    const tasks = [...numbered(2_500), { ...good, priority: NaN }];

    const error = await rejection(() => fleet.submitBatch(tasks, { batchId: 'b' }));

    expectRefusal(error, 'tasks[2500].priority', 'NaN', /finite number/);
    expect(await store.readBatch('test', 'b')).toBeNull();
    expect(await fleet.getStats()).toMatchObject({ totalTasks: 0, totalBatches: 0 });
  });
});

describe('a stream of tasks is cancelled', () => {
  it.each(badTasks)('at %s', async (_, fields, argument, value, allowed) => {
    const { fleet, clock } = await echoFleet();
    const stream = flushed(clock, [good], { ...good, id: 'bad', ...fields });

    const error = await rejection(() => fleet.submitBatch(stream as never, { batchId: 'b' }));

    expectRefusal(error, argument, value, allowed);
    expect(await fleet.waitForBatch('b')).toMatchObject({ status: 'cancelled', totalTasks: 1, progress: 1 });
    expect(await fleet.submit('echo', 'still there')).toBe('still there');
  });

  it.each(badItems)('at an item that is %s', async (_, item, value) => {
    const { fleet, clock } = await echoFleet();

    const error = await rejection(() =>
      fleet.submitBatch(flushed(clock, [good], item) as never, { batchId: 'b' })
    );

    expectRefusal(error, 'tasks[1]', value, /an object/);
    expect(await fleet.waitForBatch('b')).toMatchObject({ status: 'cancelled', totalTasks: 1 });
  });

  it.each([
    ['at once', 0, 0],
    ['in its first chunk', usualChunkTasks - 1, 0],
    ['where a chunk ends', usualChunkTasks, usualChunkTasks],
    ['far behind', 2 * usualChunkTasks + 345, 2 * usualChunkTasks]
  ])('at a bad item %s, and says which it was', async (_, index, submitted) => {
    const { fleet } = await echoFleet();
    let isClosed = false;
    const stream = (async function* () {
      try {
        yield* numbered(index);
        yield null as never;
        yield* numbered(10);
      } finally {
        isClosed = true;
      }
    })();

    const error = await rejection(() => fleet.submitBatch(stream, { batchId: 'b' }));

    expectRefusal(error, `tasks[${index}]`, 'null', /an object/);
    expect(isClosed).toBe(true);
    await expectCancelled(fleet, 'b', submitted);
  });

  it.each([
    ['at once', 0, 0],
    ['in its first chunk', usualChunkTasks - 1, 0],
    ['where a chunk ends', usualChunkTasks, usualChunkTasks],
    ['far behind', 2 * usualChunkTasks + 345, 2 * usualChunkTasks]
  ])('when it throws %s, and rejects with what it threw', async (_, index, submitted) => {
    const { fleet } = await echoFleet();
    const broken = new Error('The source is gone');
    const stream = (async function* () {
      yield* numbered(index);
      throw broken;
    })();

    expect(await rejection(() => fleet.submitBatch(stream, { batchId: 'b' }))).toBe(broken);
    await expectCancelled(fleet, 'b', submitted);
  });

  it.each([
    ['in one chunk', 10, good],
    ['in one chunk with other data', 10, { ...good, data: 2 }],
    ['in an earlier chunk', 1_500, good],
    ['in an earlier chunk with other data', 1_500, { ...good, data: 2 }]
  ])('at an id that an earlier task has %s, which it names', async (_, between, again) => {
    const { fleet } = await echoFleet();
    const stream = [good, ...numbered(between), again].values();

    const error = await rejection(() => fleet.submitBatch(stream, { batchId: 'b' }));

    expectRefusal(error, `tasks[${between + 1}].id`, '"good"', /unique in its batch/);
    const batch = await fleet.waitForBatch('b').catch((thrown: unknown) => thrown);
    expect(batch).toMatchObject(between > 1_000 ? { status: 'cancelled' } : { code: 'ERR_NOT_FOUND' });
  });

  it.each([
    ['a bad item', [null]],
    ['a task that is not the one with its id', [{ ...good, data: 'other' }]],
    ['a task that the batch has not', [{ ...good, id: 'other' }]]
  ])('but never a batch that was there before it, which it begins with %s', async (_, tasks) => {
    const { fleet } = await startFleet({ handlers: { echo: () => new Promise(() => {}) } });
    await fleet.submitBatch([good], { batchId: 'b' });
    await settled();

    await rejection(() => fleet.submitBatch(tasks.values() as never, { batchId: 'b' }));
    await settled();

    expect(await fleet.getBatchStatus('b')).toMatchObject({ status: 'processing', runningTasks: 1 });
  });
});

describe('what is read once cannot change after it was found good', () => {
  it.each<[what: string, run: (fleet: EchoFleet) => Promise<unknown>, id: string]>([
    ['a task', (fleet) => fleet.submitBatch([changing({ ...good })], { batchId: 'b' }), 'b/good'],
    ['options of a task', (fleet) => fleet.submitAsync('echo', 1, changing({ id: 'good' })), 'good'],
    [
      'options of a batch',
      (fleet) => fleet.submitBatch([good], changing({ batchId: 'b' }, 'batchId')),
      'b/good'
    ]
  ])('%s', async (_, run, key) => {
    const { fleet, store } = await echoFleet();
    await run(fleet);

    const [task] = await store.listTasks('test', { limit: 1 });
    expect(task?.row.context.key).toBe(key);
  });

  it('an array that is changed while it is submitted', async () => {
    const { fleet } = await echoFleet();
    const tasks = [good];
    const submitted = fleet.submitBatch(tasks, { batchId: 'b' });
    tasks.push({ ...good, id: 'later' });

    expect(await fleet.getBatchStatus(await submitted)).toMatchObject({ totalTasks: 1 });
  });
});

describe('an array is refused for its length before it is looked at', () => {
  it.each([1_000_001, 10_000_000, 2 ** 32 - 1])('%i', async (length) => {
    const { fleet, store } = await echoFleet();
    const error = await rejection(() => fleet.submitBatch(sparse([good], length) as never, { batchId: 'b' }));

    expectRefusal(error, 'tasks', `an array of ${length}`, /at most 1000000; pass an iterable/);
    expect(await store.readBatch('test', 'b')).toBeNull();
  });
});

describe('submitBatch refuses', () => {
  it.each([
    ['a number', 5, '5'],
    ['null', null, 'null'],
    ['nothing', undefined, 'undefined'],
    ['a single task', good, 'an object of class Object'],
    ['text, which is iterable', 'abc', '"abc"'],
    ['a generator function that was not called', function* () {}, 'a function']
  ])('%s as tasks', async (_, tasks, value) => {
    const { fleet } = await echoFleet();

    const error = await rejection(() => fleet.submitBatch(tasks as never));

    expectRefusal(error, 'tasks', value, /an array, an iterable or an async iterable/);
    expect(await fleet.getStats()).toMatchObject({ totalBatches: 0 });
  });

  it.each<[what: string, options: unknown, argument: string, value: string, allowed: RegExp]>([
    ['an empty batch id', { batchId: '' }, 'batchId', '""', /not blank/],
    ['a slash in the batch id', { batchId: 'a/b' }, 'batchId', '"a/b"', /free of "\/"/],
    ['a way out of a folder', { batchId: '../../x' }, 'batchId', '"../../x"', /free of "\/"/],
    ['a newline in the batch id', { batchId: 'a\n' }, 'batchId', String.raw`"a\n"`, /control characters/],
    ['a batch id of 257 bytes', { batchId: 'x'.repeat(257) }, 'batchId', `"${'x'.repeat(80)}…"`, /256 bytes/],
    ['a number as batch id', { batchId: 7 }, 'batchId', '7', /a string/],
    ['null as batch id', { batchId: null }, 'batchId', 'null', /a string/],
    ['metadata that is no JSON', { metadata: { at: new Date() } }, 'metadata.at', 'of class Date', /JSON/],
    ['a misspelt option', { batchID: 'b' }, 'options.batchID', 'no known field', /batchId/],
    ['null as options', null, 'options', 'null', /an object/]
  ])('%s', async (_, options, argument, value, allowed) => {
    const { fleet } = await echoFleet();

    const error = await rejection(() => fleet.submitBatch([good], options as never));

    expectRefusal(error, argument, value, allowed);
    expect(await fleet.getStats()).toMatchObject({ totalBatches: 0, totalTasks: 0 });
  });
});

describe('submitBatchEvent refuses', () => {
  it.each<[what: string, batchId: unknown, tasks: unknown, options: unknown, argument: string]>([
    ['a slash in the id', 'a/b', [good], {}, 'batchId'],
    ['no tasks', 'b', null, {}, 'tasks'],
    ['a number as tasks', 'b', 5, {}, 'tasks'],
    ['text as tasks', 'b', 'ab', {}, 'tasks'],
    ['an array that cannot be read', 'b', new Proxy([1], { get: () => Symbol('no') }), {}, 'tasks'],
    ['an id that an earlier task has', 'b', [good, good], {}, 'tasks[1].id'],
    ['data that cannot be read', 'b', [{ ...good, data: unreadable() }], { handlers: {} }, 'tasks[0].data'],
    ['null as options', 'b', [good], null, 'options'],
    ['a misspelt option', 'b', [good], { meta: 1 }, 'options.meta'],
    ['a time of NaN', 'b', [good], { now: NaN }, 'now'],
    ['metadata that is no JSON', 'b', [good], { metadata: 5n }, 'metadata']
  ])('%s', (_, batchId, tasks, options, argument) => {
    const make = submitBatchEvent as (...args: unknown[]) => unknown;
    const refused: unknown = expect.objectContaining({ name: 'ValidationError', argument });
    expect(() => make(batchId, tasks, options)).toThrow(refused as ValidationError);
  });
});

describe('submit refuses', () => {
  it.each<[what: string, type: unknown, data: unknown, options: unknown, argument: string, value: string]>([
    ['an unknown type', 'ehco', 1, { id: 'a' }, 'type of task "a"', '"ehco"'],
    ['a number as type', 5, 1, {}, 'options.type', '5'],
    ['data that is no JSON', 'echo', { list: [1n] }, {}, 'options.data.list[0]', '1n'],
    ['data that cannot be read', 'echo', unreadable(), {}, 'options.data', 'unreadable'],
    ['a promise as data', 'echo', Promise.resolve(1), {}, 'options.data', 'class Promise'],
    ['a priority of NaN', 'echo', 1, { priority: NaN }, 'options.priority', 'NaN'],
    ['a timeout of 0', 'echo', 1, { timeoutMs: 0 }, 'options.timeoutMs', '0'],
    ['a slash in its id', 'echo', 1, { id: 'b/a' }, 'options.id', '"b/a"'],
    ['a number as id', 'echo', 1, { id: 5 }, 'options.id', '5'],
    ['a misspelt option', 'echo', 1, { retries: 5 }, 'options.retries', 'no known field'],
    ['null as options', 'echo', 1, null, 'options', 'null'],
    ['a signal that is none', 'echo', 1, { signal: {} }, 'signal', 'an object of class Object']
  ])('%s', async (_, type, data, options, argument, value) => {
    const { fleet, store } = await echoFleet();

    const error = await rejection(() => fleet.submit(type as never, data, options as never));

    expectRefusal(error, argument, value, /./);
    expect(await fleet.getStats()).toMatchObject({ totalTasks: 0 });
    expect(await store.listTasks('test', { limit: 1 })).toEqual([]);
  });
});

/** One bad call of each method; every other argument of it would be taken. */
describe('a bad argument is a rejection that names it, and nothing else happens', () => {
  const badCalls: [
    call: string,
    run: (fleet: EchoFleet) => Promise<unknown>,
    argument: string,
    value: string
  ][] = [
    ['getBatchStatus(5)', (fleet) => fleet.getBatchStatus(5 as never), 'batchId', '5'],
    ['getBatchResults(5)', (fleet) => fleet.getBatchResults(5 as never), 'batchId', '5'],
    ['getBatchResults limit 0', (fleet) => fleet.getBatchResults('b', { limit: 0 }), 'limit', '0'],
    ['getBatchResults limit 1.5', (fleet) => fleet.getBatchResults('b', { limit: 1.5 }), 'limit', '1.5'],
    ['getBatchResults offset -1', (fleet) => fleet.getBatchResults('b', { offset: -1 }), 'offset', '-1'],
    [
      'getBatchResults success',
      (fleet) => fleet.getBatchResults('b', { success: 'no' as never }),
      'success',
      '"no"'
    ],
    [
      'streamBatchResults afterSettledSeq',
      (fleet) => fleet.streamBatchResults('b', { afterSettledSeq: NaN }).next(),
      'afterSettledSeq',
      'NaN'
    ],
    [
      'streamBatchResults signal',
      (fleet) => fleet.streamBatchResults('b', { signal: 'no' as never }).next(),
      'signal',
      '"no"'
    ],
    ['waitForBatch timeoutMs', (fleet) => fleet.waitForBatch('b', { timeoutMs: NaN }), 'timeoutMs', 'NaN'],
    ['waitForBatch signal', (fleet) => fleet.waitForBatch('b', { signal: 1 as never }), 'signal', '1'],
    ['cancelBatch(undefined)', (fleet) => fleet.cancelBatch(undefined as never), 'batchId', 'undefined'],
    ['pauseBatch(null)', (fleet) => fleet.pauseBatch(null as never), 'batchId', 'null'],
    ['resumeBatch([])', (fleet) => fleet.resumeBatch([] as never), 'batchId', 'an array of 0'],
    ['removeBatch(5)', (fleet) => fleet.removeBatch(5 as never), 'batchId', '5'],
    ['retryBatch(5)', (fleet) => fleet.retryBatch(5 as never), 'batchId', '5'],
    ['retryBatch batchId', (fleet) => fleet.retryBatch('b', { batchId: 'a/b' }), 'batchId', '"a/b"'],
    ['retryTask(null)', (fleet) => fleet.retryTask(null as never), 'task', 'null'],
    ['retryTask id', (fleet) => fleet.retryTask('b/good', { id: '' }), 'id', '""'],
    ['cancelTask(5)', (fleet) => fleet.cancelTask(5 as never), 'task', '5'],
    ['cancelTask without id', (fleet) => fleet.cancelTask({ batchId: 'b' } as never), 'task.id', 'undefined'],
    ['getTask(undefined)', (fleet) => fleet.getTask(undefined as never), 'task', 'undefined'],
    ['getTaskSnapshot(5)', (fleet) => fleet.getTaskSnapshot(5 as never), 'task', '5'],
    ['waitFor(5)', (fleet) => fleet.waitFor(5 as never), 'task', '5'],
    [
      'waitFor timeoutMs',
      (fleet) => fleet.waitFor('b/good', { timeoutMs: '10s' as never }),
      'timeoutMs',
      '"10s"'
    ],
    ['listBatches limit 0', (fleet) => fleet.listBatches({ limit: 0 }), 'limit', '0'],
    ['listBatches limit 1001', (fleet) => fleet.listBatches({ limit: 1_001 }), 'limit', '1001'],
    ['listBatches status', (fleet) => fleet.listBatches({ status: 'done' as never }), 'status', '"done"'],
    ['listTasks limit NaN', (fleet) => fleet.listTasks({ limit: NaN }), 'limit', 'NaN'],
    ['listTasks after', (fleet) => fleet.listTasks({ after: 'b/good' as never }), 'after', '"b/good"'],
    ['listTasks status', (fleet) => fleet.listTasks({ status: 'done' as never }), 'status', '"done"'],
    ['scaleWorkers(0)', (fleet) => fleet.scaleWorkers(0), 'count', '0'],
    [
      'updateConfig unknown field',
      (fleet) => fleet.updateConfig({ maxWorkers: 5 } as never),
      'config.maxWorkers',
      'no known field'
    ],
    [
      'updateConfig maxQueueSize 0',
      (fleet) => fleet.updateConfig({ maxQueueSize: 0 }),
      'config.maxQueueSize',
      '0'
    ],
    ['listTasks batchId', (fleet) => fleet.listTasks({ batchId: 5 as never }), 'batchId', '5'],
    ['listTasks type', (fleet) => fleet.listTasks({ type: 5 as never }), 'type', '5'],
    ['listBatches after', (fleet) => fleet.listBatches({ after: 5 as never }), 'after', '5'],
    ['stop timeoutMs', (fleet) => fleet.stop({ timeoutMs: -1 }), 'timeoutMs', '-1'],
    ['stop graceful', (fleet) => fleet.stop({ graceful: 'no' as never }), 'graceful', '"no"']
  ];

  /** Each takes options; a field that it does not know is most often a misspelt one. */
  const optionCalls: [call: string, run: (fleet: EchoFleet, options: never) => Promise<unknown>][] = [
    ['submitBatch', (fleet, options) => fleet.submitBatch([], options)],
    ['submit', (fleet, options) => fleet.submit('echo', 1, options)],
    ['submitAsync', (fleet, options) => fleet.submitAsync('echo', 1, options)],
    ['getBatchResults', (fleet, options) => fleet.getBatchResults('b', options)],
    ['streamBatchResults', (fleet, options) => fleet.streamBatchResults('b', options).next()],
    ['waitForBatch', (fleet, options) => fleet.waitForBatch('b', options)],
    ['waitFor', (fleet, options) => fleet.waitFor('b/good', options)],
    ['retryTask', (fleet, options) => fleet.retryTask('b/good', options)],
    ['retryBatch', (fleet, options) => fleet.retryBatch('b', options)],
    ['listBatches', (fleet, options) => fleet.listBatches(options)],
    ['listTasks', (fleet, options) => fleet.listTasks(options)],
    ['updateConfig', (fleet, options) => fleet.updateConfig(options)],
    ['stop', (fleet, options) => fleet.stop(options)]
  ];

  it.each(badCalls)('%s', async (_, run, argument, value) => {
    const { fleet } = await echoFleet();
    await fleet.submitBatch([good], { batchId: 'b' });
    await fleet.waitForBatch('b');
    const before = await fleet.getStats();

    const error = await rejection(() => run(fleet));

    expectRefusal(error, argument, value, /./);
    expect(await fleet.getStats()).toEqual(before);
    expect(await fleet.submit('echo', 'still there')).toBe('still there');
  });

  it.each(optionCalls)('%s with an unknown option, null or text as options', async (_, run) => {
    const { fleet } = await echoFleet();
    await fleet.submitBatch([good], { batchId: 'b' });
    await fleet.waitForBatch('b');
    const before = await fleet.getStats();

    const misspelt = await rejection(() => run(fleet, { timeout: 1_000 } as never));
    const missing = await rejection(() => run(fleet, null as never));
    const text = await rejection(() => run(fleet, 'fast' as never));

    expectRefusal(misspelt, expect.stringMatching(/^\w+\.timeout$/), 'no known field', /one of/);
    expectRefusal(missing, expect.stringMatching(/^\w+$/), 'null', /an object/);
    expectRefusal(text, expect.stringMatching(/^\w+$/), '"fast"', /an object/);
    expect(await fleet.getStats()).toEqual(before);
    expect(await fleet.submit('echo', 'still there')).toBe('still there');
  });

  it.each<[call: string, run: (fleet: EchoFleet) => unknown, argument: string, value: string]>([
    ['on an unknown type', (fleet) => fleet.on('batch.setled' as never, () => {}), 'type', '"batch.setled"'],
    ['on without a function', (fleet) => fleet.on('batch.settled', 'log' as never), 'listener', '"log"'],
    [
      'events of an unknown type',
      (fleet) => fleet.events({ types: ['batch.setled' as never] }),
      'filter.types[0]',
      '"batch.setled"'
    ],
    [
      'events of an unknown field',
      (fleet) => fleet.events({ type: 'batch.settled' } as never),
      'filter.type',
      'no known field'
    ],
    ['events of a number', (fleet) => fleet.events({ batchId: 5 as never }), 'filter.batchId', '5']
  ])('%s', async (_, run, argument, value) => {
    const { fleet } = await echoFleet();
    const error = await rejection(async () => run(fleet));

    expectRefusal(error, argument, value, /./);
  });
});

describe('a fleet that was not started', () => {
  it.each<[command: string, run: (fleet: FleetManager<(typeof echoes)['handlers']>) => unknown]>([
    ['submitBatch', (fleet) => fleet.submitBatch([good])],
    ['submit', (fleet) => fleet.submit('echo', 1)],
    ['submitAsync', (fleet) => fleet.submitAsync('echo', 1)],
    ['cancelBatch', (fleet) => fleet.cancelBatch('b')],
    ['cancelTask', (fleet) => fleet.cancelTask('b/a')],
    ['retryTask', (fleet) => fleet.retryTask('b/a')],
    ['removeBatch', (fleet) => fleet.removeBatch('b')],
    ['pauseBatch', (fleet) => fleet.pauseBatch('b')],
    ['pause', (fleet) => fleet.pause()],
    ['resume', (fleet) => fleet.resume()],
    ['scaleWorkers', (fleet) => fleet.scaleWorkers(1)],
    ['updateConfig', (fleet) => fleet.updateConfig({})],
    ['waitFor', (fleet) => fleet.waitFor('b/a')],
    ['waitForBatch', (fleet) => fleet.waitForBatch('b')],
    ['getActiveWorkers', (fleet) => fleet.getActiveWorkers()],
    ['actor', (fleet) => fleet.actor]
  ])('refuses %s and says how to start it', async (_, run) => {
    const fleet = new FleetManager({ ...echoes, name: 'idle' });
    const error = await rejection(async () => run(fleet));

    expect(error).toMatchObject({
      code: 'ERR_NOT_RUNNING',
      fleet: 'idle',
      state: 'stopped',
      message: expect.stringContaining('call start() first') as unknown
    });
  });
});

describe('a fleet is not made from', () => {
  it.each<[what: string, options: unknown, argument: string]>([
    ['nothing', undefined, 'options'],
    ['no handlers', { handlers: null }, 'options.handlers'],
    ['a handler that is no function', { handlers: { echo: 'echo' } }, 'options.handlers.echo'],
    ['an empty name', { name: '', handlers: {} }, 'options.name'],
    ['an unknown option', { handlers: {}, confg: {} }, 'options.confg'],
    ['0 workers', { handlers: {}, config: { maxConcurrentWorkers: 0 } }, 'config.maxConcurrentWorkers'],
    ['half a worker', { handlers: {}, config: { maxConcurrentWorkers: 1.5 } }, 'config.maxConcurrentWorkers'],
    ['a timeout of 0', { handlers: {}, config: { workerTimeout: 0 } }, 'config.workerTimeout'],
    ['endless retries', { handlers: {}, config: { maxRetries: Infinity } }, 'config.maxRetries'],
    ['a factor of 0.5', { handlers: {}, retry: { factor: 0.5 } }, 'config.retry.factor'],
    ['handlers beside an executor', { handlers: {}, executor: inProcess({}) }, 'options.handlers'],
    [
      'a judge beside an executor',
      { executor: inProcess({}), shouldRetry: () => true },
      'options.shouldRetry'
    ],
    [
      'a longest backoff below the first',
      { handlers: {}, retry: { baseMs: 9, maxMs: 8 } },
      'config.retry.maxMs'
    ]
  ])('%s', (_, options, argument) => {
    expect(() => new FleetManager(options as never)).toThrow(ValidationError);
    expect(() => new FleetManager(options as never)).toThrow(argument);
  });
});

describe('values at the edge are taken', () => {
  it.each<[what: string, fields: Record<string, unknown>]>([
    ['a delay of 0', { delayMs: 0 }],
    ['a start time that has passed', { startAfter: 0 }],
    ['no retries', { maxRetries: 0 }],
    ['a fraction of a millisecond', { timeoutMs: 1e-9 }],
    ['a timeout beyond the longest timer', { timeoutMs: 2 ** 31 }],
    ['a timeout of 2^53 - 1', { timeoutMs: Number.MAX_SAFE_INTEGER }],
    ['the greatest priority', { priority: Number.MAX_VALUE }],
    ['the least priority', { priority: -Number.MAX_VALUE }],
    ['an id of 256 bytes', { id: 'é'.repeat(128) }],
    ['data of 64 levels', { data: nested(64) }],
    ['data of 1 MiB', { data: 'x'.repeat(2 ** 20 - 2) }],
    ['fields that are undefined', { priority: undefined, timeoutMs: undefined, metadata: undefined }],
    ['no data', { data: undefined }],
    ['an object without a prototype', { data: Object.assign(Object.create(null) as object, { a: 1 }) }]
  ])('%s', async (_, fields) => {
    const { fleet } = await echoFleet();
    const task = { ...good, ...fields };

    const batchId = await fleet.submitBatch([task]);

    expect(await fleet.waitForBatch(batchId)).toMatchObject({ status: 'completed' });
    const [result] = await fleet.getBatchResults(batchId);
    expect(result).toMatchObject({ taskId: task.id, success: true });
    expect(result?.result).toEqual(task.data ?? null);
  });

  it('-0 as a priority is 0', async () => {
    const { fleet } = await echoFleet();
    expect((await fleet.submitAsync('echo', 1, { priority: -0 })).priority).toBe(0);
  });

  it('a delay of 2^53 - 1 never comes due', async () => {
    const { fleet, clock } = await echoFleet();
    const { key } = await fleet.submitAsync('echo', 1, { delayMs: Number.MAX_SAFE_INTEGER });
    await clock.advance(60_000);

    expect(await fleet.getTask(key)).toMatchObject({ status: 'scheduled' });
  });
});

describe('odd ids are ordinary', () => {
  const oddIds = [
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '1',
    '01',
    '🚀 ünï',
    'é',
    'e\u0301',
    '\u202Egnp.exe',
    '%2e%2e%2f',
    'a:b',
    ' a ',
    "'; DROP TABLE tasks; --",
    '<img src=x onerror=alert(1)>',
    '=cmd'
  ];
  /** A slash is allowed where nothing follows the id in a key. */
  const oddTaskIds = [...oddIds, '../../x', 'a/b', '/'];

  it('as ids of tasks: they run and come back byte for byte', async () => {
    const seen: string[] = [];
    const { fleet } = await startFleet({
      handlers: {
        echo: (data: unknown, { task, key }) => {
          seen.push(task.id, key);
          return data;
        }
      },
      config: { maxConcurrentWorkers: 1 }
    });
    const batchId = await fleet.submitBatch(
      oddTaskIds.map((id) => ({ id, type: 'echo', data: { [id]: id } })),
      { batchId: 'b' }
    );

    expect(await fleet.waitForBatch(batchId)).toMatchObject({
      status: 'completed',
      completedTasks: oddTaskIds.length
    });
    expect(seen).toEqual(oddTaskIds.flatMap((id) => [id, `b/${id}`]));
    expect((await fleet.listTasks({ batchId })).map(({ id }) => id)).toEqual(oddTaskIds);
    const results = await fleet.getBatchResults<Record<string, string>>(batchId);
    expect(results.map(({ taskId }) => taskId)).toEqual(oddTaskIds);
    for (const [index, id] of oddTaskIds.entries()) {
      expect(Object.entries(results[index]?.result ?? {})).toEqual([[id, id]]);
      expect(await fleet.getTask({ batchId, id })).toMatchObject({ id, key: `b/${id}`, status: 'completed' });
      expect(await fleet.getTask(`b/${id}`)).toMatchObject({ id });
    }
  });

  it.each(oddIds)('as the id of a batch: %j', async (id) => {
    const { fleet } = await echoFleet();

    expect(await fleet.submitBatch([good], { batchId: id })).toBe(id);
    expect(await fleet.waitForBatch(id)).toMatchObject({ id, status: 'completed' });
    expect(await fleet.getBatchResults(id)).toMatchObject([{ batchId: id, key: `${id}/good`, result: 1 }]);
    expect((await fleet.listBatches()).map((batch) => batch.id)).toEqual([id]);
    expect(await fleet.submitBatch([good], { batchId: id })).toBe(id);
    expect(await fleet.getStats()).toMatchObject({ totalBatches: 1, totalTasks: 1 });
  });

  it.each(oddIds)('as the id of a single task: %j', async (id) => {
    const { fleet } = await echoFleet();

    expect(await fleet.submit('echo', id, { id })).toBe(id);
    expect(await fleet.getTask(id)).toMatchObject({ id, key: id, batchId: null });
    expect(await fleet.waitFor(id)).toBe(id);
  });

  it.each(oddIds)('as the name of a fleet: %j', async (name) => {
    const { fleet, store } = await startFleet({ ...echoes, name, store: memoryStore() });

    expect(await fleet.submit('echo', 1)).toBe(1);
    expect(await store.listScopes()).toEqual([name]);
  });

  it('as types of tasks', async () => {
    const types = ['constructor', 'toString', '__proto__', '1', 'a/b'];
    const handlers = Object.fromEntries(types.map((type) => [type, () => type]));
    const { fleet } = await startFleet({ handlers });

    expect(await Promise.all(types.map((type) => fleet.submit(type, null)))).toEqual(types);
  });
});

it('data is kept as it was, whatever its keys are', async () => {
  const { fleet } = await echoFleet();
  const text =
    '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"toJSON":"text","":0}';

  const result = await fleet.submit('echo', JSON.parse(text));

  expect(JSON.stringify(result)).toBe(text);
  expect(Object.hasOwn({}, 'polluted') || 'polluted' in {}).toBe(false);
});

const echoes = { handlers: { echo: (data: unknown) => data } };

type EchoFleet = Awaited<ReturnType<typeof echoFleet>>['fleet'];

function echoFleet() {
  return startFleet({ ...echoes });
}

function numbered(count: number) {
  return Array.from({ length: count }, (_, index) => ({
    id: String(index),
    type: 'echo' as const,
    data: index
  }));
}

/** A stream whose first tasks are in the store when the next one comes. */
async function* flushed(clock: SimulatedClock, tasks: readonly unknown[], next: unknown) {
  yield* tasks;
  await clock.advance(1_000);
  yield next;
}

/** What a call rejects with. A method that returns a promise never throws before it does. */
function rejection(call: () => Promise<unknown>): Promise<unknown> {
  const promise = call();
  return promise.then(
    () => expect.fail('It was taken'),
    (error: unknown) => error
  );
}

/** @param argument - Its name, or a matcher for it. */
function expectRefusal(error: unknown, argument: unknown, value: string, allowed: RegExp): void {
  expect(error).toBeInstanceOf(ValidationError);
  const refusal = error as ValidationError;
  expect(refusal.code).toBe('ERR_VALIDATION');
  expect(refusal.argument).toEqual(argument);
  expect(refusal.value).toContain(value);
  expect(refusal.allowed).toMatch(allowed);
  for (const part of [refusal.argument, refusal.value, refusal.allowed])
    expect(refusal.message).toContain(part);
}

/** What was written of a batch that was refused is cancelled; where nothing was, there is no batch. */
async function expectCancelled(fleet: EchoFleet, batchId: string, totalTasks: number): Promise<void> {
  const found = await fleet.waitForBatch(batchId).catch((error: unknown) => error);
  expect(found).toMatchObject(
    totalTasks === 0 ? { code: 'ERR_NOT_FOUND' } : { status: 'cancelled', totalTasks, progress: 1 }
  );
  expect(await fleet.submit('echo', 'still there')).toBe('still there');
}

function throwing(): unknown {
  return {
    get value() {
      throw new Error('no');
    }
  };
}

/** An object whose id is good when it is read for the first time, and none that can be stored after that. */
function changing<T extends { id?: string; batchId?: string }>(value: T, field: 'id' | 'batchId' = 'id'): T {
  let reads = 0;
  const first = value[field];
  return Object.defineProperty(value, field, { enumerable: true, get: () => (reads++ === 0 ? first : '\0') });
}

/** An array of a length with holes between its first and its last items. */
function sparse(first: readonly unknown[], length: number, last?: unknown): unknown[] {
  const values = [...first];
  values.length = length;
  if (last !== undefined) values[length - 1] = last;
  return values;
}
