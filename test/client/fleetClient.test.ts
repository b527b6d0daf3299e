import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  connectFleet,
  FleetManager,
  limits,
  memoryStore,
  TimeoutError,
  ValidationError,
  withSchema,
  type ConnectOptions,
  type FleetClient,
  type Store,
  type StoreReader,
  type Task
} from '../../src/index.ts';
import { systemClock } from '../../src/clock.ts';
import { sqliteReader, sqliteStore } from '../../src/stores/sqlite.ts';
import { removePaths, temporaryPath } from '../stores/directory.ts';
import { settled } from '../harness.ts';

/** Takes positive numbers, as text or not, and makes numbers of them. */
const positive = {
  '~standard': {
    version: 1 as const,
    vendor: 'test',
    validate: (value: unknown) =>
      Number(value) > 0
        ? { value: Number(value) }
        : { issues: [{ message: 'must be positive', path: ['n'] }] }
  }
};

const handlers = {
  echo: (data: unknown) => Promise.resolve(data),
  fail: () => Promise.reject(new Error('broken')),
  hang: (_: unknown, { signal }: { signal: AbortSignal }) =>
    new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    }),
  half: withSchema(positive, (n) => Number(n) / 2)
};

/** For what comes at once where nothing else runs. */
const patience = { timeout: 60_000 };

afterAll(removePaths);

interface Place {
  readonly store: Store;
  readonly reader: StoreReader;
}

const places: Readonly<Record<string, () => Place>> = {
  memory: () => {
    const store = memoryStore();
    return { store, reader: store };
  },
  sqlite: () => {
    const path = temporaryPath();
    return { store: sqliteStore(path, { durability: 'process' }), reader: sqliteReader(path) };
  }
};

const echoing = (count: number): Task[] =>
  Array.from({ length: count }, (_, n) => ({ id: `t${n}`, type: 'echo', data: n }));

async function* streamOf(tasks: readonly Task[]) {
  for (const task of tasks) yield task;
}

describe.each(Object.entries(places))('a client of a fleet in %s', (_, makePlace) => {
  function fleetOn({ store }: Place, config = {}): FleetManager<typeof handlers> {
    const fleet = new FleetManager({ name: 'f', store, handlers, config: { maxRetries: 0, ...config } });
    onTestFinished(() => fleet.stop({ graceful: false }));
    return fleet;
  }

  async function connected(place: Place, options: ConnectOptions = {}): Promise<FleetClient> {
    const client = await connectFleet(place.reader, { name: 'f', ...options });
    onTestFinished(() => client.close());
    return client;
  }

  async function running(config = {}) {
    const place = makePlace();
    const fleet = fleetOn(place, config);
    await fleet.start();
    return { place, fleet, client: await connected(place) };
  }

  it('runs single tasks, with results and failures as the fleet itself gives them', async () => {
    const { client } = await running();
    expect(await client.submit('echo', { n: [1, null] })).toEqual({ n: [1, null] });
    expect(await client.submit('half', '4')).toBe(2);
    await expect(client.submit('fail', 1)).rejects.toMatchObject({ code: 'ERR_TASK_FAILED' });
    expect(await client.submitAsync('echo', 1, { id: 'one', metadata: { a: 1 }, priority: 9 })).toMatchObject(
      {
        key: 'one',
        metadata: { a: 1 },
        priority: 9
      }
    );
    expect(await client.waitFor('one')).toBe(1);
    expect(await client.submit('echo', 1, { id: 'one', metadata: { a: 1 }, priority: 9 })).toBe(1);
    await expect(client.submit('echo', 2, { id: 'one' })).rejects.toMatchObject({
      code: 'ERR_CONFLICT',
      kind: 'task',
      id: 'one'
    });
  });

  it.each([
    ['an array', (tasks: Task[]) => tasks],
    ['a stream', (tasks: Task[]) => streamOf(tasks)]
  ])('submits %s of thousands, once however often it is submitted', async (_form, formOf) => {
    const { client, fleet } = await running();
    const tasks = echoing(2_500);
    expect(await client.submitBatch(formOf(tasks), { batchId: 'b', metadata: { from: 'afar' } })).toBe('b');
    expect(await client.submitBatch(formOf(tasks), { batchId: 'b' })).toBe('b');
    expect(await client.waitForBatch('b')).toMatchObject({
      status: 'completed',
      totalTasks: 2_500,
      completedTasks: 2_500,
      metadata: { from: 'afar' }
    });
    expect(await client.getBatchResults('b')).toHaveLength(2_500);
    expect(await fleet.getStats()).toMatchObject({ totalTasks: 2_500, completedTasks: 2_500 });
  });

  it.each([
    ['an hour ahead', 3_600_000],
    ['an hour behind', -3_600_000]
  ])('has the owner count delays and look at times, also from a clock that is %s', async (_skew, skewMs) => {
    const place = makePlace();
    const at = Date.now();
    const fleet = new FleetManager({
      name: 'f',
      store: place.store,
      handlers,
      clock: { ...systemClock, now: () => at }
    });
    onTestFinished(() => fleet.stop({ graceful: false }));
    await fleet.start();
    const client = await connected(place, { clock: { ...systemClock, now: () => at + skewMs } });
    const delayMs = 60_000;
    const startAfter = at + 120_000;

    expect(await client.submitAsync('echo', 1, { delayMs })).toMatchObject({ dueAt: at + delayMs });
    expect(await client.submitAsync('echo', 1, { startAfter })).toMatchObject({ dueAt: startAfter });
    const tasks: Task[] = [
      { id: 'as its batch', type: 'echo', data: 1 },
      { id: 'delayed', type: 'echo', data: 1, delayMs: 1 },
      { id: 'later', type: 'echo', data: 1, startAfter }
    ];
    for (const [batchId, form] of [
      ['array', tasks],
      ['stream', streamOf(tasks)]
    ] as const) {
      await client.submitBatch(form, { batchId, delayMs });
      const dueAts = (await client.listTasks({ batchId })).map(({ dueAt }) => dueAt);
      expect(dueAts).toEqual([at + delayMs, at + 1, startAfter]);
    }
    expect(await client.submit('echo', 1, { delayMs: 0 })).toBe(1);
    expect(await client.submit('echo', 1, { startAfter: at - 1 })).toBe(1);
    await expect(client.submitAsync('echo', 1, { delayMs: -1 })).rejects.toThrow(/options\.delayMs/);
  });

  it('splits tasks by their bytes, and orders what depends on what', async () => {
    const { client, place } = await running();
    const sizes: number[] = [];
    const send = place.reader.sendCommand.bind(place.reader);
    const measured = await connectFleet(
      {
        ...place.reader,
        sendCommand: (scope, command) => {
          sizes.push(Buffer.byteLength(JSON.stringify(command)));
          return send(scope, command);
        }
      },
      { name: 'f' }
    );
    const text = 'é'.repeat(100_000);
    const tasks = Array.from({ length: 20 }, (_, n) => ({
      id: `t${n}`,
      type: 'echo',
      data: text,
      ...(n === 0 && { dependsOn: ['t19'] })
    }));
    await measured.submitBatch(tasks, { batchId: 'b' });
    expect(sizes.length).toBeGreaterThan(3);
    expect(Math.max(...sizes)).toBeLessThan(limits.chunkBytes + 250_000);
    expect(await client.waitForBatch('b')).toMatchObject({ status: 'completed', totalTasks: 20 });
    await measured.close();
  });

  it('refuses what is wrong with the class and the fields of the fleet, by the index of the task', async () => {
    const { client } = await running();
    await expect(client.submitBatch([{ id: 'a/b', type: '', data: 1 }])).rejects.toThrow(ValidationError);
    await expect(
      client.submitBatch([...echoing(3), { id: 'x', type: 'nope', data: 1 }], { batchId: 'b1' })
    ).rejects.toMatchObject({ code: 'ERR_VALIDATION', argument: 'tasks[3].type', value: '"nope"' });
    await expect(
      client.submitBatch(streamOf([...echoing(1_200), { id: 'x', type: 'half', data: -1 }]), {
        batchId: 'b2'
      })
    ).rejects.toMatchObject({
      code: 'ERR_VALIDATION',
      argument: expect.stringMatching(/^tasks\[1200\]\.data/) as string,
      issues: [{ message: 'must be positive' }]
    });
    // What had come of it is cancelled, as by the fleet itself.
    expect(await client.waitForBatch('b2')).toMatchObject({ status: 'cancelled' });
    await expect(client.getBatchStatus('b1')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND', id: 'b1' });
    await expect(client.submit('nope', 1)).rejects.toMatchObject({
      code: 'ERR_VALIDATION',
      argument: 'type'
    });
    await expect(client.retryBatch('nope')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND', kind: 'batch' });
    await expect(client.cancelBatch('a/b')).rejects.toThrow(ValidationError);
  });

  it('cancels, retries, pauses, resumes and scales', async () => {
    const { client, fleet } = await running();
    await client.submitBatch([{ id: 'a', type: 'hang', data: 1 }], { batchId: 'b' });
    expect(await client.cancelTask({ batchId: 'b', id: 'a' })).toBe(true);
    expect(await client.waitForBatch('b')).toMatchObject({ cancelledTasks: 1 });
    expect(await client.cancelBatch('b')).toBe(false);
    expect(await client.retryTask('b/a', { id: 'copy' })).toBe('copy');
    expect(await client.cancelTask('copy')).toBe(true);
    await client.submitBatch([{ id: 'a', type: 'fail', data: 1 }], { batchId: 'c' });
    await client.waitForBatch('c');
    expect(await client.retryBatch('c', { batchId: 'c2' })).toBe('c2');
    expect(await client.waitForBatch('c2')).toMatchObject({ failedTasks: 1 });
    await client.pause();
    expect(fleet.state).toBe('paused');
    await client.submitBatch([{ id: 'a', type: 'echo', data: 1 }], { batchId: 'd' });
    await client.pauseBatch('d');
    await client.resume();
    expect(fleet.state).toBe('running');
    expect(await client.getBatchStatus('d')).toMatchObject({ status: 'paused', completedTasks: 0 });
    await client.resumeBatch('d');
    expect(await client.waitForBatch('d')).toMatchObject({ status: 'completed' });
    await expect(client.pauseBatch('d')).rejects.toMatchObject({ code: 'ERR_CONFLICT' });
    await expect(client.resumeBatch('nope')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND', id: 'nope' });
    await client.scaleWorkers(3);
    expect(fleet.config.maxConcurrentWorkers).toBe(3);
    expect(await client.listBatches()).toHaveLength(4);
    expect(await client.listTasks({ batchId: 'c' })).toMatchObject([{ status: 'failed' }]);
  });

  it('lists the workers as their fleet does, and refuses a filter that is none', async () => {
    const { client, fleet } = await running();
    await client.submitBatch([{ id: 'a', type: 'hang', data: 1 }], { batchId: 'b' });
    await expect
      .poll(() => client.getWorkers({ status: 'active' }), patience)
      .toMatchObject([{ taskIds: ['b/a'] }]);
    expect(await client.getWorkers()).toEqual(await fleet.getWorkers());
    await expect(client.getWorkers({ status: 'nope' as never })).rejects.toThrow(ValidationError);
    await client.cancelBatch('b');
  });

  it('a submission that waits for room holds nobody up, and is ended by the cancellation of its batch', async () => {
    const { client } = await running({ maxQueueSize: 2, maxConcurrentWorkers: 1 });
    const hanging = Array.from({ length: 5 }, (_, n) => ({ id: `h${n}`, type: 'hang', data: n }));
    const submitted = client.submitBatch(hanging, { batchId: 'b' });
    const ended = submitted.catch((error: unknown) => error);
    await expect.poll(async () => (await client.listBatches()).length, patience).toBe(1);
    expect(await client.cancelBatch('b')).toBe(true);
    expect(await ended).toMatchObject({ code: 'ERR_CONFLICT', id: 'b' });
  });

  it('streams results as they come, and goes on after the last that was dealt with', async () => {
    const { client, place } = await running();
    await client.submitBatch(echoing(30), { batchId: 'b' });
    const seen: number[] = [];
    for await (const { settledSeq } of client.streamBatchResults('b')) {
      seen.push(settledSeq);
      if (seen.length === 10) break;
    }
    const again = await connected(place);
    for await (const { settledSeq } of again.streamBatchResults('b', { afterSettledSeq: seen.at(-1)! })) {
      seen.push(settledSeq);
    }
    expect(seen).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
  });

  it('waits for an owner: what is submitted to nobody is there when one comes', async () => {
    const place = makePlace();
    const first = fleetOn(place);
    await first.start();
    await first.stop();
    const client = await connected(place);
    expect(await client.getStatus()).toMatchObject({ name: 'f', owner: null });
    const submitted = client.submitBatch(echoing(3), { batchId: 'b' });
    await expect(client.submitAsync('echo', 1, { id: 'late', timeoutMs: 20 })).rejects.toMatchObject({
      code: 'ERR_TIMEOUT',
      message: expect.stringContaining('it is in the store') as string
    });
    const next = fleetOn(place);
    await next.start();
    expect(await submitted).toBe('b');
    expect(await client.waitForBatch('b')).toMatchObject({ status: 'completed', totalTasks: 3 });
    await expect
      .poll(() => client.getTask('late').catch(() => null), patience)
      .toMatchObject({ status: 'completed' });
    expect((await client.getStatus()).owner).toContain('"f"');
  });

  it('keeps its promises while the fleet changes hands', async () => {
    const { client, fleet, place } = await running();
    await client.submitBatch([{ id: 'a', type: 'hang', data: 1 }], { batchId: 'b' });
    const waiting = client.waitForBatch('b');
    const result = client.waitFor('b/a');
    result.catch(() => {});
    await fleet.stop({ graceful: false });
    const cancelled = client.cancelBatch('b');
    const next = fleetOn(place);
    await next.start();
    expect(await cancelled).toBe(true);
    expect(await waiting).toMatchObject({ status: 'cancelled' });
    await expect(result).rejects.toMatchObject({ code: 'ERR_TASK_CANCELLED' });
  });

  it('ends every wait by time, by signal and by its close', async () => {
    const { client, fleet } = await running();
    await client.submitBatch([{ id: 'a', type: 'hang', data: 1 }], { batchId: 'b' });
    await expect(client.waitForBatch('b', { timeoutMs: 20 })).rejects.toThrow(TimeoutError);
    await expect(client.waitFor('b/a', { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
      'enough'
    );
    await fleet.stop({ graceful: false });
    const silent = new AbortController();
    const never = async function* () {
      yield* echoing(1);
      await new Promise(() => {});
    };
    const streaming = client.submitBatch(never(), { batchId: 'c', signal: silent.signal });
    await settled();
    silent.abort(new Error('gone'));
    await expect(streaming).rejects.toThrow('gone');

    const waits = [
      client.waitForBatch('b'),
      client.waitFor('b/a'),
      client.pause(),
      client.submitBatch(echoing(1))
    ];
    const ends = Promise.allSettled(waits);
    await settled();
    await client.close();
    for (const end of await ends) {
      expect(end).toMatchObject({ reason: { code: 'ERR_NOT_RUNNING', state: 'disconnected' } });
    }
    await expect(client.submit('echo', 1)).rejects.toMatchObject({ state: 'disconnected' });
  });

  it('has a command that is left twice carried out once, and answered the same', async () => {
    const { place } = await running();
    const sent = { id: 'c1', command: { type: 'task.cancel', key: 'x' } as const, sentAt: 1 };
    const client = await connected(place, { newId: () => 'c1' });
    await place.reader.sendCommand('f', sent);
    await place.reader.sendCommand('f', sent);
    expect(await client.cancelTask('x')).toBe(false);
    expect(await client.cancelTask('x')).toBe(false);
  });
});

describe('connectFleet', () => {
  it('opens a SQLite file by its path, and says when there is none', async () => {
    const path = temporaryPath();
    await using client = await connectFleet(path);
    await expect(client.getStatus()).rejects.toMatchObject({ code: 'ERR_STORE_IO' });
    await expect(client.submit('echo', 1)).rejects.toMatchObject({ code: 'ERR_STORE_IO' });
    const store = sqliteStore(path);
    const fleet = new FleetManager({ store, handlers });
    await fleet.start();
    expect(await client.submit('echo', 1)).toBe(1);
    await fleet.stop();
    await store.close();
  });

  it.each<[what: string, location: unknown, options: unknown, message: RegExp]>([
    ['no location', undefined, {}, /location/],
    ['an empty path', '', {}, /location/],
    ['a URL of something else', 'redis://localhost', {}, /location is "redis:\/\/localhost"/],
    ['no reader', { readHead: 1 }, {}, /location/],
    ['an unknown option', memoryStore(), { nmae: 'x' }, /nmae/],
    ['a bad name', memoryStore(), { name: '' }, /options\.name/],
    ['a bad limit', memoryStore(), { timeoutMs: -1 }, /options\.timeoutMs/],
    ['a bad clock', memoryStore(), { clock: {} }, /options\.clock/]
  ])('refuses %s', async (_, location, options, message) => {
    const connecting = connectFleet(location as string, options as ConnectOptions);
    await expect(connecting).rejects.toThrow(ValidationError);
    await expect(connecting).rejects.toThrow(message);
  });
});
