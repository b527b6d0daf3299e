import { describe, expect, it } from 'vitest';
import type { CommandReply, RemoteCommand, Store } from '../../src/index.ts';
import { settled, startFleet } from '../harness.ts';

describe('a command from another process is carried out and answered', () => {
  it('batch.cancel', async () => {
    const { fleet, store } = await workFleet();
    await fleet.submitBatch([later('a'), later('b')], { batchId: 'b' });

    expect(await send(store, { type: 'batch.cancel', batchId: 'b' })).toEqual({ ok: true, value: true });
    expect(await fleet.waitForBatch('b')).toMatchObject({ status: 'cancelled', cancelledTasks: 2 });
    expect(await send(store, { type: 'batch.cancel', batchId: 'b' })).toEqual({ ok: true, value: false });
    expect(await send(store, { type: 'batch.cancel', batchId: 'nope' })).toEqual({ ok: true, value: false });
  });

  it('batch.retry', async () => {
    const { fleet, store } = await workFleet();
    await fleet.submitBatch([failing('x'), echoing('a')], { batchId: 'b' });
    await fleet.waitForBatch('b');

    expect(await send(store, { type: 'batch.retry', batchId: 'b', newBatchId: 'again' })).toEqual({
      ok: true,
      value: 'again'
    });
    expect(await fleet.waitForBatch('again')).toMatchObject({ totalTasks: 1 });
    expect(await fleet.getTask('again/x')).toMatchObject({ retryOf: 'b/x' });
  });

  it('task.cancel', async () => {
    const { fleet, store } = await workFleet();
    await fleet.submitBatch([later('a')], { batchId: 'b' });

    expect(await send(store, { type: 'task.cancel', key: 'b/a' })).toEqual({ ok: true, value: true });
    expect(await fleet.getTask('b/a')).toMatchObject({ status: 'cancelled' });
    expect(await send(store, { type: 'task.cancel', key: 'b/a' })).toEqual({ ok: true, value: false });
  });

  it('task.retry', async () => {
    const { fleet, store } = await workFleet();
    await fleet.submitBatch([failing('x')], { batchId: 'b' });
    await fleet.waitForBatch('b');

    expect(await send(store, { type: 'task.retry', key: 'b/x', newKey: 'copy' })).toEqual({
      ok: true,
      value: 'copy'
    });
    expect(await fleet.getTask('copy')).toMatchObject({ retryOf: 'b/x', batchId: null });
  });

  it('workers.scale', async () => {
    const { fleet, store } = await workFleet();

    expect(await send(store, { type: 'workers.scale', count: 3 })).toEqual({ ok: true, value: null });
    expect(await fleet.getStats()).toMatchObject({ workerCount: 3 });
  });

  it('workers.list', async () => {
    const { fleet, store } = await workFleet();

    const answer = await send(store, { type: 'workers.list', filter: { status: 'idle' } });
    expect(answer).toEqual({ ok: true, value: await fleet.getWorkers() });
    expect(await send(store, { type: 'workers.list', filter: { status: 'draining' } })).toEqual({
      ok: true,
      value: []
    });
  });

  it('fleet.pause and fleet.resume', async () => {
    const { fleet, store } = await workFleet();

    expect(await send(store, { type: 'fleet.pause' })).toEqual({ ok: true, value: null });
    const { key } = await fleet.submitAsync('echo', 1);
    await settled();
    expect(await fleet.getTask(key)).toMatchObject({ status: 'queued' });
    expect(await send(store, { type: 'fleet.resume' })).toEqual({ ok: true, value: null });
    expect(await fleet.waitFor(key)).toBe(1);
  });
});

describe('a command that cannot be carried out is answered with a code', () => {
  it.each<[what: string, command: unknown, code: string, message: RegExp]>([
    [
      'to retry an unknown batch',
      { type: 'batch.retry', batchId: 'nope', newBatchId: 'n' },
      'ERR_NOT_FOUND',
      /nope/
    ],
    [
      'to retry a running batch',
      { type: 'batch.retry', batchId: 'live', newBatchId: 'n' },
      'ERR_CONFLICT',
      /live/
    ],
    [
      'to retry a batch under a bad id',
      { type: 'batch.retry', batchId: 'done', newBatchId: 'a/b' },
      'ERR_VALIDATION',
      /batchId is "a\/b"/
    ],
    [
      'to retry an unknown task',
      { type: 'task.retry', key: 'b/nope', newKey: 'n' },
      'ERR_NOT_FOUND',
      /b\/nope/
    ],
    [
      'to retry a completed task',
      { type: 'task.retry', key: 'done/a', newKey: 'n' },
      'ERR_CONFLICT',
      /completed/
    ],
    [
      'to retry a task under a bad id',
      { type: 'task.retry', key: 'x', newKey: '' },
      'ERR_VALIDATION',
      /id is ""/
    ],
    ['to scale to no workers', { type: 'workers.scale', count: 0 }, 'ERR_VALIDATION', /count is 0/],
    ['to scale to text', { type: 'workers.scale', count: '3' }, 'ERR_VALIDATION', /count is "3"/],
    [
      'to list by a status that is none',
      { type: 'workers.list', filter: { status: 'x' } },
      'ERR_VALIDATION',
      /filter\.status is "x"/
    ],
    ['to scale to nothing', { type: 'workers.scale' }, 'ERR_VALIDATION', /count is undefined/],
    ['to cancel a batch without its id', { type: 'batch.cancel' }, 'ERR_VALIDATION', /batchId is undefined/],
    ['to cancel a task by a number', { type: 'task.cancel', key: 5 }, 'ERR_VALIDATION', /task is 5/],
    ['of a type that it does not know', { type: 'fleet.explode' }, 'ERR_VALIDATION', /fleet\.explode/],
    ['of a type that every object has', { type: 'constructor' }, 'ERR_VALIDATION', /constructor/],
    ['that is null', null, 'ERR_VALIDATION', /null/]
  ])('%s', async (_, command, code, message) => {
    const { fleet, store } = await workFleet();
    await fleet.submitBatch([echoing('a')], { batchId: 'done' });
    await fleet.submitBatch([later('a')], { batchId: 'live' });
    await settled();
    const before = await fleet.getStats();

    expect(await send(store, command as RemoteCommand)).toMatchObject({
      ok: false,
      code,
      message: expect.stringMatching(message) as unknown
    });
    expect(await fleet.getStats()).toEqual(before);
    expect(await send(store, { type: 'workers.scale', count: 1 })).toEqual({ ok: true, value: null });
  });

  it('when the fleet stops before its turn, it is not answered, and carried out after the next start', async () => {
    const first = await workFleet();
    await first.fleet.submitBatch([later('a')], { batchId: 'b' });
    await first.fleet.stop();
    await first.store.sendCommand('test', {
      id: 'c',
      command: { type: 'batch.cancel', batchId: 'b' },
      sentAt: 0
    });
    await settled();
    expect(await first.store.readReply('test', 'c')).toBeNull();
    const { fleet } = await first.restart();

    expect(await fleet.waitForBatch('b')).toMatchObject({ status: 'cancelled' });
    await settled();
    expect(await first.store.readReply('test', 'c')).toEqual({ ok: true, value: true });
  });
});

describe('commands', () => {
  it('are carried out one after the other, in order', async () => {
    const { fleet, store } = await workFleet();
    await fleet.submitBatch([failing('x'), failing('y')], { batchId: 'b' });
    await fleet.waitForBatch('b');
    const replies = await Promise.all([
      send(store, { type: 'fleet.pause' }),
      send(store, { type: 'batch.retry', batchId: 'b', newBatchId: 'again' }),
      send(store, { type: 'task.cancel', key: 'again/x' }),
      send(store, { type: 'batch.cancel', batchId: 'again' }),
      send(store, { type: 'workers.scale', count: 0 }),
      send(store, { type: 'task.retry', key: 'again/x', newKey: 'copy' }),
      send(store, { type: 'fleet.resume' })
    ]);

    expect(replies.map((reply) => (reply?.ok ? reply.value : reply?.code))).toEqual([
      null,
      'again',
      true,
      true,
      'ERR_VALIDATION',
      'copy',
      null
    ]);
  });

  it.each<[command: RemoteCommand, value: CommandReply]>([
    [
      { type: 'batch.retry', batchId: 'b', newBatchId: 'copies' },
      { ok: true, value: 'copies' }
    ],
    [
      { type: 'task.retry', key: 'b/x', newKey: 'copy' },
      { ok: true, value: 'copy' }
    ],
    [
      { type: 'workers.scale', count: 3 },
      { ok: true, value: null }
    ],
    [{ type: 'fleet.pause' }, { ok: true, value: null }],
    [{ type: 'fleet.resume' }, { ok: true, value: null }]
  ])('that a crash has carried out twice change nothing more: %j', async (command, reply) => {
    const { fleet, store } = await workFleet();
    await fleet.submitBatch([failing('x')], { batchId: 'b' });
    await fleet.waitForBatch('b');

    // Under two ids, as it is when the answer to the first was lost.
    expect(await send(store, command)).toEqual(reply);
    await settled();
    const before = await fleet.getStats();
    const batches = await fleet.listBatches();
    expect(await send(store, command)).toEqual(reply);
    await settled();

    expect(await fleet.getStats()).toEqual(before);
    expect(await fleet.listBatches()).toEqual(batches);
  });

  it('that were not answered when the process died are carried out by the next one', async () => {
    const first = await workFleet();
    await first.fleet.submitBatch([failing('x')], { batchId: 'b' });
    await first.fleet.waitForBatch('b');
    let isLost = false;
    const { answerCommand } = first.store;
    Object.assign(first.store, {
      answerCommand: () => {
        isLost = true;
        return new Promise(() => {});
      }
    });
    await first.store.sendCommand('test', {
      id: 'c',
      command: { type: 'task.retry', key: 'b/x', newKey: 'copy' },
      sentAt: 0
    });
    await settled();
    expect(isLost).toBe(true);
    Object.assign(first.store, { answerCommand });
    await first.crash();
    const { fleet } = await first.restart();
    await settled();

    expect(await first.store.readReply('test', 'c')).toEqual({ ok: true, value: 'copy' });
    expect(await fleet.getStats()).toMatchObject({ totalTasks: 2 });
  });

  it('of one fleet are none of another’s', async () => {
    const left = await workFleet();
    const right = await startFleet({ handlers: {}, store: left.store, name: 'right' });
    await left.store.sendCommand('right', {
      id: 'c',
      command: { type: 'workers.scale', count: 3 },
      sentAt: 0
    });
    await settled();

    expect(await right.fleet.getStats()).toMatchObject({ workerCount: 3 });
    expect(await left.fleet.getStats()).toMatchObject({ workerCount: 10 });
  });

  it('go on after one whose answer the store did not take', async () => {
    const { store, fleet } = await workFleet();
    const { answerCommand } = store;
    Object.assign(store, { answerCommand: () => Promise.reject(new Error('gone')) });
    await store.sendCommand('test', { id: 'c', command: { type: 'fleet.pause' }, sentAt: 0 });
    await settled();
    Object.assign(store, { answerCommand });

    expect(await send(store, { type: 'workers.scale', count: 3 })).toEqual({ ok: true, value: null });
    expect(await fleet.getStats()).toMatchObject({ workerCount: 3 });
  });
});

let sent = 0;

/** Sends a command and gives the reply to it, once everything has come to rest. */
async function send(store: Store, command: RemoteCommand): Promise<CommandReply | null> {
  const id = `command-${++sent}`;
  await store.sendCommand('test', { id, command, sentAt: 0 });
  for (let rounds = 0; rounds < 5; rounds++) await settled();
  return store.readReply('test', id);
}

function workFleet() {
  return startFleet({
    handlers: {
      echo: (data: unknown) => data,
      fail: (_: unknown) => {
        throw new Error('no luck');
      }
    },
    config: { maxRetries: 0 }
  });
}

function echoing(id: string) {
  return { id, type: 'echo' as const, data: id };
}

function failing(id: string) {
  return { id, type: 'fail' as const, data: id };
}

/** A task that waits for its time. */
function later(id: string) {
  return { ...echoing(id), delayMs: 60_000 };
}
