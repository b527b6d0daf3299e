import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type {
  BatchQuery,
  CommandReply,
  InboxCommand,
  ResultQuery,
  Store,
  StoredFleet,
  StoredTask,
  TaskQuery,
  TaskRow
} from '../../src/store.ts';
import {
  agentOf,
  batchOf,
  commitOf as commitOfScope,
  type Changes,
  failureOf,
  now,
  payloadOf,
  range,
  resultOf,
  rowOf,
  scheduleOf,
  settledBatchOf,
  taskOf
} from './rows.ts';

/**
 * What every store promises.
 *
 * @param makeStore - Makes an empty store. The suite closes it. Most tests share one, each with fleets of its own.
 */
export function describeStore(name: string, makeStore: () => Promise<Store>): void {
  describe(name, () => {
    let store: Store;
    let fleet = 'fleet-0';
    let otherFleet = 'other-0';
    let tests = 0;

    const commitOf = (turn: number, changes?: Changes) => commitOfScope(fleet, turn, changes);

    beforeAll(async () => {
      store = await makeStore();
    });
    beforeEach(() => {
      tests += 1;
      fleet = `fleet-${tests}`;
      otherFleet = `other-${tests}`;
    });
    afterAll(() => store.close());

    describe('ownership', () => {
      it('opens a scope that is new with nothing in it', async () => {
        const opened = await store.open(fleet, 'me');

        expect(opened).toMatchObject({ head: null, agents: [], batches: [] });
        expect(await liveSeqs(opened)).toEqual([]);
      });

      it('refuses a second owner of a scope, and names the first', async () => {
        await store.open(fleet, 'the first owner');

        await expect(store.open(fleet, 'me')).rejects.toMatchObject({
          code: 'ERR_LOCKED',
          owner: expect.stringContaining('the first owner') as string
        });
      });

      it('opens other scopes beside it, each with rows of its own', async () => {
        await store.open(fleet, 'me');
        await store.open(otherFleet, 'me');
        await store.commit(commitOf(1, { newTasks: [taskOf(1)] }));
        await store.commit(commitOfScope(otherFleet, 7, { newTasks: [taskOf(1), taskOf(2)] }));

        expect(await store.readHead(fleet)).toMatchObject({ turn: 1 });
        expect(await store.readHead(otherFleet)).toMatchObject({ turn: 7 });
        expect(seqsOf(await store.listTasks(fleet, { limit: 9 }))).toEqual([1]);
        expect(seqsOf(await store.listTasks(otherFleet, { limit: 9 }))).toEqual([1, 2]);
        expect(await store.listScopes()).toEqual(expect.arrayContaining([fleet, otherFleet]));
      });

      it('names the living owner, and nobody before and after it', async () => {
        expect(await store.readOwner(fleet)).toBeNull();
        await store.open(fleet, 'the night shift');
        expect(await store.readOwner(fleet)).toContain('the night shift');
        await store.release(fleet);
        expect(await store.readOwner(fleet)).toBeNull();
      });

      it('opens a released scope again, where it was', async () => {
        await store.open(fleet, 'me');
        await store.open(otherFleet, 'me');
        await store.commit(commitOf(3, { newTasks: [taskOf(1)] }));
        await store.release(fleet);
        await store.release(fleet);

        const opened = await store.open(fleet, 'me');
        expect(opened.head).toEqual(commitOf(3).head);
        expect(await liveSeqs(opened)).toEqual([1]);
      });

      it.each<[call: string, (store: Store) => Promise<unknown>]>([
        ['commit', (store) => store.commit(commitOf(1))],
        ['answerCommand', (store) => store.answerCommand(fleet, 'c1', { ok: true, value: null })]
      ])('refuses %s to who does not own the scope', async (_, call) => {
        await store.open(otherFleet, 'me');

        await expect(call(store)).rejects.toMatchObject({ code: 'ERR_STORE_CLOSED', outcome: 'refused' });
      });

      it.each<[call: string, (store: Store) => Promise<unknown>]>([
        ['open', (store) => store.open(fleet, 'me')],
        ['commit', (store) => store.commit(commitOf(1))],
        ['readHead', (store) => store.readHead(fleet)],
        ['listTasks', (store) => store.listTasks(fleet, { limit: 1 })],
        ['sendCommand', (store) => store.sendCommand(fleet, cancel('c1'))]
      ])('refuses %s after it was closed', async (_, call) => {
        const closed = await makeStore();
        await closed.open(fleet, 'me');
        await closed.close();
        await closed.close();
        await closed.release(fleet);

        await expect(call(closed)).rejects.toMatchObject({ code: 'ERR_STORE_CLOSED', outcome: 'refused' });
      });
    });

    describe('commit', () => {
      beforeEach(async () => {
        await store.open(fleet, 'me');
      });

      it.each([4, 5])('refuses turn %i after turn 5: another owner has written since', async (turn) => {
        await store.commit(commitOf(5));

        await expect(store.commit(commitOf(turn, { newTasks: [taskOf(1)] }))).rejects.toMatchObject({
          code: 'ERR_FENCED',
          fleet,
          outcome: 'refused'
        });
        expect(await store.readHead(fleet)).toMatchObject({ turn: 5 });
        expect(await store.listTasks(fleet, { limit: 9 })).toEqual([]);
      });

      it('gives back the rows that it was given', async () => {
        const error = { name: 'TypeError', message: 'x is undefined', code: 'E_X', retryable: false };
        const task = taskOf(7, {
          key: 'batch-1/a',
          batchId: 'batch-1',
          priority: -2.5,
          tags: ['ärm', 'gpu', 'x"y'],
          timeoutMs: 100,
          maxRetries: 0,
          retryOf: 'batch-0/a',
          readyAt: now + 0.5,
          attempt: 3,
          failures: 1,
          recoveries: 2,
          workerId: 'worker-1.2',
          dueAt: now + 1,
          startedAt: now + 2,
          settledAt: now + 3,
          error
        });
        const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
        const plain = {
          ...taskOf(8),
          payload: payloadOf('null', { metadata: '{"source":"a.json"}', traceparent })
        };
        const batch = batchOf('batch-1', {
          firstSeq: 7,
          lastSeq: 7,
          traceparent,
          metadata: { by: ['me', null, 1.5] }
        });
        const agents = [agentOf('fleet', { value: { operation: 'running' } }), agentOf('worker-1')];
        const commit = commitOf(1, { newTasks: [task, plain], batches: [batch], agents });
        await store.commit(commit);

        expect(await store.readHead(fleet)).toEqual(commit.head);
        expect(await store.listTasks(fleet, { limit: 9 })).toEqual([task, plain]);
        expect(await store.readBatch(fleet, 'batch-1')).toEqual(batch);
        await store.release(fleet);
        expect(await store.open(fleet, 'me')).toMatchObject({ head: commit.head, agents, batches: [batch] });
      });

      it('keeps the rows of a large commit apart, whatever columns each fills', async () => {
        const tasks = range(1, 50).map((seq) =>
          taskOf(seq, { timeoutMs: seq % 20 === 0 ? seq : null, priority: -seq })
        );
        await store.commit(commitOf(1, { newTasks: tasks }));
        expect(await store.listTasks(fleet, { limit: 99 })).toEqual(tasks);

        const running = tasks.map((task, index) =>
          rowOf(task, 'running', { attempt: 1, workerId: `w${index}`, dueAt: index % 15 === 0 ? now : null })
        );
        await store.commit(commitOf(2, { tasks: running.toReversed() }));
        const keys = tasks.map(({ row }) => row.context.key);
        expect(rowsInOrder(await store.readTaskRows(fleet, { keys }))).toEqual(running);

        const completed = tasks.map((task, index) =>
          rowOf(task, 'completed', { attempt: 1, settledAt: index })
        );
        const results = range(1, 50).map((seq) =>
          resultOf(seq, { workerId: seq % 15 === 0 ? null : `w${seq}` })
        );
        await store.commit(commitOf(3, { tasks: completed, results }));
        expect(rowsInOrder(await store.readTaskRows(fleet, { keys }))).toEqual(completed);
        expect(await store.readResults(fleet, { limit: 99 })).toEqual(results);
        expect(await store.listTasks(fleet, { limit: 99, status: 'completed' })).toHaveLength(50);
      });

      it('replaces rows of tasks, batches and agents by later ones', async () => {
        const task = taskOf(1);
        const failed = { name: 'Error', message: 'no luck', retryable: true };
        const first = commitOf(1, { newTasks: [task], batches: [batchOf('b')], agents: [agentOf('fleet')] });
        const backingOff = rowOf(task, 'backingOff', { attempt: 1, failures: 1, dueAt: now, error: failed });
        const running = rowOf(task, 'running', { attempt: 2, failures: 1, workerId: 'worker-2' });
        await store.commit(first);
        await store.commit(commitOf(2, { tasks: [backingOff] }));
        expect(await store.readTasks(fleet, ['task-1'])).toEqual([{ ...task, row: backingOff }]);

        const batch = { ...batchOf('b', { totalTasks: 1 }), state: 'completed' } as const;
        await store.commit(
          commitOf(3, { tasks: [running], batches: [batch], agents: [agentOf('fleet', 2)] })
        );

        expect(await store.readTasks(fleet, ['task-1'])).toEqual([{ ...task, row: running }]);
        expect(await store.readBatch(fleet, 'b')).toEqual(batch);
        await store.release(fleet);
        expect(await store.open(fleet, 'me')).toMatchObject({ agents: [agentOf('fleet', 2)], batches: [] });
      });

      it.each([
        ['was there before', [taskOf(2, { key: 'task-1' })]],
        ['comes twice', [taskOf(2), taskOf(3, { key: 'task-2' })]],
        ['an idempotency key has that was there before', [named(2, 'once')]],
        ['an idempotency key has that comes twice', [named(2, 'twice'), named(3, 'twice')]]
      ])('refuses a key that %s, and changes nothing', async (_, newTasks) => {
        await store.commit(commitOf(1, { newTasks: [named(1, 'once')] }));

        const running = rowOf(taskOf(1), 'running', { attempt: 1 });
        const commit = commitOf(2, {
          newTasks,
          tasks: [running],
          results: [resultOf(1)],
          batches: [batchOf('b')]
        });
        await expect(store.commit(commit)).rejects.toMatchObject({ outcome: 'refused' });

        expect(await store.readHead(fleet)).toMatchObject({ turn: 1 });
        expect(await store.listTasks(fleet, { limit: 9 })).toEqual([named(1, 'once')]);
        expect(await store.readResults(fleet, { limit: 9 })).toEqual([]);
        expect(await store.readBatch(fleet, 'b')).toBeNull();
        await store.commit(commitOf(2, { newTasks: [taskOf(2)], results: [resultOf(1)] }));
      });

      it('keeps what a blocked task waits for, and shows it until it waits no more', async () => {
        const first = taskOf(1, { key: 'b/1', batchId: 'b' });
        const payload = payloadOf('7', { dependsOn: '["1"]' });
        const blocked = { ...taskOf(2, { key: 'b/2', batchId: 'b', dueAt: now, blockedBy: [1] }), payload };
        const task: StoredTask = { ...blocked, row: { ...blocked.row, state: 'blocked' } };
        await store.commit(commitOf(1, { newTasks: [first, task], batches: [batchOf('b')] }));
        expect(await store.readTasks(fleet, ['b/2'])).toEqual([task]);
        await store.release(fleet);
        expect(await liveRows(await store.open(fleet, 'me'))).toEqual([first.row, task.row]);

        const queued = rowOf(task, 'queued', { blockedBy: null, dueAt: null });
        await store.commit(commitOf(2, { tasks: [queued] }));

        expect(await store.readTasks(fleet, ['b/2'])).toEqual([{ row: queued, payload }]);
      });

      it('has each idempotency key once in a fleet, and other fleets have their own', async () => {
        await store.open(otherFleet, 'me');
        await store.commit(commitOf(1, { newTasks: [named(1, 'once'), taskOf(2), taskOf(3)] }));
        await store.commit(commitOfScope(otherFleet, 1, { newTasks: [named(5, 'once')] }));

        expect(await store.readKeyHolders(fleet, ['once', 'none', 'once'])).toEqual([named(1, 'once')]);
        expect(await store.readKeyHolders(otherFleet, ['once'])).toEqual([named(5, 'once')]);
        expect(await store.readKeyHolders(fleet, [])).toEqual([]);
      });

      it('shows a commit to a call that follows it without waiting', async () => {
        const committed = store.commit(commitOf(1, { newTasks: [taskOf(1), taskOf(2)] }));

        const payloads = await store.readPayloads(fleet, [2, 1, 99]);
        expect(payloads).toEqual(new Map([1, 2].map((seq) => [seq, taskOf(seq).payload])));
        await committed;
      });

      it.each([
        '__proto__',
        'constructor',
        "'; DROP TABLE tasks; --",
        '😀\u{10ffff}',
        'e\u0301',
        'é',
        ' ',
        '../x\n'
      ])('takes %j for an id like any other', async (id) => {
        const task = taskOf(1, { key: `${id}/${id}`, batchId: id, type: id, workerId: id });
        const result = resultOf(1, { key: task.row.context.key, taskId: id, batchId: id, workerId: id });
        const batch = batchOf(id, { firstSeq: 1, lastSeq: 1 });
        await store.commit(commitOf(1, { newTasks: [task], batches: [batch], results: [result] }));
        await store.open(`${fleet}${id}`, id);

        expect(await store.readTasks(fleet, [`${id}/${id}`])).toEqual([task]);
        expect(await store.listTasks(fleet, { batchId: id, type: id, limit: 9 })).toEqual([task]);
        expect(await store.readResults(fleet, { batchId: id, workerId: id, limit: 9 })).toEqual([result]);
        expect(await store.readBatch(fleet, id)).toEqual(batch);
        expect(await store.listScopes()).toContain(`${fleet}${id}`);
      });
    });

    describe('removal', () => {
      /** A settled batch of tasks that all completed, and what it was committed with. */
      const commitBatch = async (id: string, turn: number, count: number, first = 1) => {
        const seqs = range(first, first + count - 1);
        const tasks = seqs.map((seq) => {
          const task = taskOf(seq, { key: `${id}/${seq}`, batchId: id });
          return { ...task, row: rowOf(task, 'completed') };
        });
        const results = seqs.map((seq) => resultOf(seq, { batchId: id, key: `${id}/${seq}` }));
        const batch = settledBatchOf(id, { firstSeq: first, lastSeq: seqs.at(-1)! });
        await store.commit(commitOf(turn, { newTasks: tasks, batches: [batch], results }));
        return { tasks, results, batch };
      };
      const removeWhole = async (id: string): Promise<void> => {
        while (await store.removeBatch(fleet, id));
      };
      const seen = async () => ({
        batches: (await store.listBatches(fleet, { limit: 1_000 })).map(({ context }) => context.id),
        tasks: seqsOf(await store.listTasks(fleet, { limit: 1_000 })),
        results: (await store.readResults(fleet, { limit: 1_000 })).map(({ settledSeq }) => settledSeq)
      });

      beforeEach(async () => {
        await store.open(fleet, 'me');
      });

      it('takes a batch with its tasks and results, and leaves the others', async () => {
        const other = taskOf(2, { key: 'kept/2', batchId: 'kept' });
        const removed = [1, 3].map((seq) => {
          const task = taskOf(seq, { key: `gone/${seq}`, batchId: 'gone' });
          return { ...task, row: rowOf(task, 'completed') };
        });
        const batches = [
          settledBatchOf('gone', { firstSeq: 1, lastSeq: 3 }),
          batchOf('kept', { firstSeq: 2, lastSeq: 2 })
        ];
        const results = [
          resultOf(1, { batchId: 'gone', key: 'gone/1' }),
          resultOf(2, { batchId: 'kept', key: 'kept/2' }),
          resultOf(3, { batchId: null })
        ];
        await store.commit(commitOf(1, { newTasks: [removed[0]!, other, removed[1]!], batches, results }));

        expect(await store.removeBatch(fleet, 'gone')).toBe(false);
        expect(await store.removeBatch(fleet, 'never there')).toBe(false);

        expect(await store.readBatch(fleet, 'gone')).toBeNull();
        expect(await store.readTasks(fleet, ['gone/1', 'kept/2'])).toEqual([other]);
        expect(await store.readPayloads(fleet, [1, 2, 3])).toEqual(new Map([[2, other.payload]]));
        expect(await store.readResult(fleet, 'gone/1')).toBeNull();
        expect(await seen()).toEqual({ batches: ['kept'], tasks: [2], results: [2, 3] });
      });

      it.each(['accepting', 'pending', 'processing', 'paused', 'cancelling'] as const)(
        'leaves a batch that is %s as it is',
        async (state) => {
          const task = taskOf(1, { key: 'b/1', batchId: 'b' });
          const batch = { ...batchOf('b', { firstSeq: 1, lastSeq: 1 }), state };
          await store.commit(commitOf(1, { newTasks: [task], batches: [batch] }));

          expect(await store.removeBatch(fleet, 'b')).toBe(false);
          expect(await store.readBatch(fleet, 'b')).toEqual(batch);
          expect(await store.readTasks(fleet, ['b/1'])).toEqual([task]);
        }
      );

      it('frees idempotency keys with the last slice, and shows who has one until then', async () => {
        const tasks = range(1, 5_000).map((seq) => named(seq, `i${seq}`, { key: `b/${seq}`, batchId: 'b' }));
        const newTasks = tasks.map((task) => ({ ...task, row: rowOf(task, 'completed') }));
        const batch = settledBatchOf('b', { firstSeq: 1, lastSeq: 5_000 });
        await store.commit(commitOf(1, { newTasks, batches: [batch] }));

        expect(await store.removeBatch(fleet, 'b')).toBe(true);
        expect(await store.readKeyHolders(fleet, ['i5000'])).toEqual([newTasks.at(-1)]);
        await removeWhole('b');

        expect(await store.readKeyHolders(fleet, ['i1', 'i5000'])).toEqual([]);
        await store.commit(commitOf(2, { newTasks: [named(5_001, 'i5000')] }));
      });

      it('goes on slice by slice, and shows nothing of the batch from the first one on', async () => {
        const { tasks, results } = await commitBatch('big', 1, 9_000);
        await commitBatch('other', 2, 1, 9_001);
        const others = { batches: ['other'], tasks: [9_001], results: [9_001] };

        let slices = 0;
        for (let isLeft = true; isLeft; slices += 1) {
          isLeft = await store.removeBatch(fleet, 'big');
          expect(await seen()).toEqual(others);
          expect(await store.readBatch(fleet, 'big')).toBeNull();
          expect(await store.listTasks(fleet, { batchId: 'big', limit: 9 })).toEqual([]);
          expect(await store.readResults(fleet, { batchId: 'big', limit: 9 })).toEqual([]);
          expect(await store.readTasks(fleet, tasks.slice(-9).map(keyOfTask))).toEqual([]);
          expect(await store.readResult(fleet, results.at(-1)!.key)).toBeNull();
        }
        expect(slices).toBeGreaterThan(3);
        expect(await store.removeBatch(fleet, 'big')).toBe(false);
      });

      it('that was begun is named when the store is opened again, and can be ended', async () => {
        await commitBatch('big', 1, 9_000);
        await commitBatch('other', 2, 1, 9_001);
        expect(await store.removeBatch(fleet, 'big')).toBe(true);
        await store.release(fleet);

        expect(await store.open(fleet, 'me')).toMatchObject({ removing: ['big'], batches: [] });
        await removeWhole('big');
        await store.release(fleet);
        expect(await store.open(fleet, 'me')).toMatchObject({ removing: [] });
        expect(await seen()).toEqual({ batches: ['other'], tasks: [9_001], results: [9_001] });
      });

      it('lets commits through between two slices', async () => {
        await commitBatch('big', 1, 9_000);
        await store.removeBatch(fleet, 'big');
        await commitBatch('other', 2, 2, 9_001);
        await removeWhole('big');

        expect(await seen()).toEqual({ batches: ['other'], tasks: [9_001, 9_002], results: [9_001, 9_002] });
      });

      it('frees the names of the batch and of its tasks', async () => {
        await commitBatch('b', 1, 3);
        await removeWhole('b');
        const { tasks, batch } = await commitBatch('b', 2, 2, 4);

        expect(await store.readBatch(fleet, 'b')).toEqual(batch);
        expect(await store.listTasks(fleet, { batchId: 'b', limit: 9 })).toEqual(tasks);
      });

      it('passes over the tasks of batches that came between', async () => {
        const tasks = range(1, 5_000).map((seq) => {
          const id = seq % 1_000 === 1 ? 'thin' : 'thick';
          const task = taskOf(seq, { key: `${id}/${seq}`, batchId: id });
          return { ...task, row: rowOf(task, 'completed') };
        });
        const thick = batchOf('thick', { firstSeq: 2, lastSeq: 5_000 });
        const thin = settledBatchOf('thin', { firstSeq: 1, lastSeq: 4_001 });
        await store.commit(commitOf(1, { newTasks: tasks, batches: [thin, thick] }));
        await removeWhole('thin');

        expect(await store.readTasks(fleet, tasks.map(keyOfTask))).toHaveLength(4_995);
        expect(await store.listTasks(fleet, { batchId: 'thin', limit: 9 })).toEqual([]);
      });

      it.each(['removeBatch', 'removeExpiredResults', 'removeOutsideResults'] as const)(
        'is refused to who does not own the scope: %s',
        async (call) => {
          const query = { receivedBefore: now, upToSettledSeq: 9 };
          const calls = {
            removeBatch: () => store.removeBatch(otherFleet, 'b'),
            removeExpiredResults: () => store.removeExpiredResults(otherFleet, query),
            removeOutsideResults: () => store.removeOutsideResults(otherFleet, 9)
          };
          await expect(calls[call]()).rejects.toMatchObject({ code: 'ERR_STORE_CLOSED', outcome: 'refused' });
        }
      );
    });

    describe('schedules', () => {
      const nightly = scheduleOf('nightly');

      beforeEach(async () => {
        await store.open(fleet, 'me');
        await store.open(otherFleet, 'me');
      });

      it('are kept with what they submit, and are there when it is opened again', async () => {
        await store.commit(commitOf(1, { schedules: [nightly, scheduleOf('hourly')] }));
        await store.commit(commitOfScope(otherFleet, 1, { schedules: [scheduleOf('nightly', { runs: 7 })] }));
        await store.release(fleet);

        const { schedules } = await store.open(fleet, 'me');
        const { row, template } = nightly;
        expect(schedules).toHaveLength(2);
        expect(schedules).toContainEqual(row);
        expect(await store.readSchedule(fleet, 'nightly')).toEqual({ row, template });
        expect(await store.readTemplates(fleet, ['hourly', 'nightly', 'none'])).toEqual(
          new Map([
            ['hourly', scheduleOf('hourly').template],
            ['nightly', template]
          ])
        );
      });

      it('that are not there are not found', async () => {
        expect(await store.readSchedule(fleet, 'nightly')).toBeNull();
        expect(await store.readTemplates(fleet, ['nightly'])).toEqual(new Map());
        expect(await store.listSchedules(fleet, { limit: 9 })).toEqual([]);
        expect(await store.listSchedules('never opened', { limit: 9 })).toEqual([]);
      });

      it('keep what they submit when only their row changes', async () => {
        await store.commit(commitOf(1, { schedules: [nightly] }));
        const { row } = scheduleOf('nightly', { runs: 1, dueAt: null });
        await store.commit(commitOf(2, { schedules: [{ id: 'nightly', row, template: null }] }));

        expect(await store.readSchedule(fleet, 'nightly')).toEqual({ row, template: nightly.template });
      });

      it('are changed whole with the rest of their commit, or not at all', async () => {
        await store.commit(commitOf(1, { schedules: [nightly], newTasks: [taskOf(1)] }));
        const schedules = [scheduleOf('nightly', { runs: 1 })];

        await expect(store.commit(commitOf(2, { schedules, newTasks: [taskOf(1)] }))).rejects.toMatchObject({
          code: 'ERR_STORE_IO'
        });
        expect((await store.readSchedule(fleet, 'nightly'))!.row).toEqual(nightly.row);
      });

      it('are removed with what they submit', async () => {
        await store.commit(commitOf(1, { schedules: [nightly, scheduleOf('hourly')] }));
        await store.commit(commitOf(2, { schedules: [{ id: 'nightly', row: null, template: null }] }));

        expect(await store.readSchedule(fleet, 'nightly')).toBeNull();
        expect(await store.readTemplates(fleet, ['nightly'])).toEqual(new Map());
        expect(await store.listSchedules(fleet, { limit: 9 })).toEqual([scheduleOf('hourly').row]);
      });

      it('are listed in pages, in the order of their ids as UTF-8', async () => {
        const ids = ['b', '\u{1F600}', '\uFF21', 'B', 'a'];
        await store.commit(commitOf(1, { schedules: ids.map((id) => scheduleOf(id)) }));
        const idsOf = async (query: { readonly limit: number; readonly after?: string }) =>
          (await store.listSchedules(fleet, query)).map(({ context }) => context.id);

        expect(await idsOf({ limit: 3 })).toEqual(['B', 'a', 'b']);
        expect(await idsOf({ limit: 3, after: 'b' })).toEqual(['\uFF21', '\u{1F600}']);
        expect(await idsOf({ limit: 3, after: 'aa' })).toEqual(['b', '\uFF21', '\u{1F600}']);
      });
    });

    describe('removal of a scope', () => {
      const removeAll = async () => {
        let slices = 1;
        while (await store.removeScope(fleet)) slices += 1;
        return slices;
      };
      const fill = async (scope: string, tasks: number) => {
        await store.open(scope, 'me');
        const newTasks = range(1, tasks).map((seq) => taskOf(seq, { key: `b/${seq}`, batchId: 'b' }));
        await store.commit(
          commitOfScope(scope, 9, {
            newTasks,
            batches: [batchOf('b', { firstSeq: 1, lastSeq: tasks })],
            results: [resultOf(1)],
            schedules: [scheduleOf('nightly')],
            agents: [agentOf('fleet')]
          })
        );
        await store.sendCommand(scope, cancel('c1'));
      };

      it('leaves nothing of it, and all of the others', async () => {
        await fill(fleet, 2_500);
        await fill(otherFleet, 3);
        await removeAll();
        await store.release(fleet);

        expect(await store.listScopes()).not.toContain(fleet);
        expect(await store.readHead(fleet)).toBeNull();
        expect(await store.readTasks(fleet, ['b/1'])).toEqual([]);
        expect(await store.listTasks(fleet, { limit: 9 })).toEqual([]);
        expect(await store.readResults(fleet, { limit: 9 })).toEqual([]);
        expect(await store.listBatches(fleet, { limit: 9 })).toEqual([]);
        expect(await store.readSchedule(fleet, 'nightly')).toBeNull();
        expect(await store.readHead(otherFleet)).toMatchObject({ turn: 9 });
        expect(seqsOf(await store.listTasks(otherFleet, { limit: 9 }))).toEqual([1, 2, 3]);
        expect(await store.readSchedule(otherFleet, 'nightly')).not.toBeNull();
      });

      it('has nobody see anything of it from the first slice on', async () => {
        await fill(fleet, 2_500);
        for (let isLeft = true; isLeft;) {
          isLeft = await store.removeScope(fleet);
          expect(await store.listScopes()).not.toContain(fleet);
          expect(await store.readHead(fleet)).toBeNull();
          expect(await store.listTasks(fleet, { limit: 9 })).toEqual([]);
          expect(await store.readResults(fleet, { limit: 9 })).toEqual([]);
        }
      });

      it('makes it new to whoever opens it, also when it was not gone on with', async () => {
        await fill(fleet, 2_500);
        await store.removeScope(fleet);
        await store.release(fleet);

        const opened = await store.open(fleet, 'me');
        expect(opened).toMatchObject({ head: null, agents: [], batches: [], schedules: [], removing: [] });
        expect(await liveSeqs(opened)).toEqual([]);
        await store.commit(commitOf(1, { newTasks: [taskOf(1)] }));
        expect(seqsOf(await store.listTasks(fleet, { limit: 9 }))).toEqual([1]);
        const commands: string[] = [];
        using _ = store.watchCommands(fleet, ({ id }) => commands.push(id));
        await store.readHead(fleet);
        expect(commands).toEqual([]);
      });

      it('lets commits of other scopes through between two slices', async () => {
        await fill(fleet, 2_500);
        await store.removeScope(fleet);
        await fill(otherFleet, 5);
        await removeAll();

        expect(seqsOf(await store.listTasks(otherFleet, { limit: 9 }))).toEqual([1, 2, 3, 4, 5]);
      });

      it('is refused to who does not own it, and refuses its commits from then on', async () => {
        await store.open(otherFleet, 'me');
        await expect(store.removeScope(fleet)).rejects.toMatchObject({ code: 'ERR_STORE_CLOSED' });
        await fill(fleet, 1);
        await removeAll();

        await expect(store.commit(commitOf(10))).rejects.toMatchObject({ code: 'ERR_STORE_CLOSED' });
      });
    });

    describe('retention', () => {
      beforeEach(async () => {
        await store.open(fleet, 'me');
      });

      describe('of batches', () => {
        beforeEach(async () => {
          // In order of creation; `e` settled first, `c` and `d` at the same time.
          const settled: [id: string, settledAt: number][] = [
            ['a', 20],
            ['b', 50],
            ['c', 30],
            ['d', 30],
            ['e', 10.5]
          ];
          const batches = settled.map(([id, settledAt]) => settledBatchOf(id, { settledAt }));
          await store.commit(commitOf(1, { batches: [batchOf('live'), ...batches] }));
        });

        it.each<[settledBefore: number | null, keep: number | null, expired: string]>([
          [null, null, ''],
          [null, 5, ''],
          [null, 99, ''],
          [null, 4, 'e'],
          [null, 2, 'eac'],
          [null, 1, 'eacd'],
          [null, 0, 'eacdb'],
          [10.5, null, ''],
          [10.6, null, 'e'],
          [30, null, 'ea'],
          [31, null, 'eacd'],
          [1e15, null, 'eacdb'],
          [30, 4, 'ea'],
          [30, 2, 'eac'],
          [-1, 2, 'eac'],
          [31, 2, 'eacd'],
          [1e15, 9, 'eacdb']
        ])(
          'lists those that settled before %s or beyond the last %s: %j',
          async (settledBefore, keep, ids) => {
            const found = await store.listExpiredBatches(fleet, { settledBefore, keep, limit: 9 });
            expect(found.map(({ id }) => id).join('')).toBe(ids);
            expect(await store.listExpiredBatches(fleet, { settledBefore, keep, limit: 2 })).toEqual(
              found.slice(0, 2)
            );
            expect(await store.listExpiredBatches(otherFleet, { settledBefore, keep, limit: 2 })).toEqual([]);
          }
        );

        it('tells when each settled, and counts those that are removed no more', async () => {
          await store.removeBatch(fleet, 'a');

          expect(await store.listExpiredBatches(fleet, { settledBefore: null, keep: 2, limit: 9 })).toEqual([
            { id: 'e', settledAt: 10.5 },
            { id: 'c', settledAt: 30 }
          ]);
        });
      });

      describe('of single tasks and results from outside', () => {
        const remove = (receivedBefore: number, upToSettledSeq = 99) =>
          store.removeExpiredResults(fleet, { receivedBefore, upToSettledSeq });
        const left = async () => ({
          tasks: seqsOf(await store.listTasks(fleet, { limit: 99 })),
          results: (await store.readResults(fleet, { limit: 99 })).map(({ settledSeq }) => settledSeq)
        });

        beforeEach(async () => {
          // 1 to 3 are single and have settled, 4 runs, 5 is of a batch; 6 came from outside, 3 came back from later.
          const tasks = range(1, 5).map((seq) => {
            const task = {
              ...taskOf(seq, { batchId: seq === 5 ? 'b' : null }),
              payload: named(seq, `i${seq}`).payload
            };
            return { ...task, row: rowOf(task, seq === 4 ? 'running' : 'completed') };
          });
          const results = [
            resultOf(1, { receivedAt: 10 }),
            resultOf(2, { receivedAt: 20 }),
            resultOf(3, { receivedAt: 90 }),
            resultOf(4, { key: 'task-5', batchId: 'b', receivedAt: 10 }),
            resultOf(5, { key: '/w/x', receivedAt: 15 }),
            resultOf(6, { key: '/w/y', receivedAt: 40 })
          ];
          const batch = settledBatchOf('b', { firstSeq: 5, lastSeq: 5 });
          await store.commit(commitOf(1, { newTasks: tasks, results, batches: [batch] }));
        });

        it.each<[before: number, upTo: number, tasks: number[], results: number[]]>([
          [10, 99, [1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6]],
          [11, 99, [2, 3, 4, 5], [2, 3, 4, 5, 6]],
          [21, 99, [3, 4, 5], [3, 4, 6]],
          [21, 2, [3, 4, 5], [3, 4, 5, 6]],
          [50, 99, [3, 4, 5], [3, 4]],
          [1e15, 99, [4, 5], [4]]
        ])('removes those received before %i up to number %i', async (before, upTo, tasks, results) => {
          expect(await remove(before, upTo)).toBe(false);
          expect(await left()).toEqual({ tasks, results });
          const payloads = await store.readPayloads(fleet, range(1, 5));
          expect(new Set(payloads.keys())).toEqual(new Set(tasks));
        });

        it('frees the name and the idempotency key of the task, and lets a result from outside come again', async () => {
          await remove(50);
          expect(await store.readResult(fleet, 'task-1')).toBeNull();
          expect(await store.hasResults(fleet, [{ workerId: 'worker-1', key: '/w/x', attempt: 1 }])).toEqual([
            false
          ]);
          const anew = named(6, 'i1', { key: 'task-1' });
          await store.commit(commitOf(2, { newTasks: [anew] }));

          expect(await store.readTasks(fleet, ['task-1'])).toEqual([anew]);
        });

        it('leaves a later result of the same task', async () => {
          await store.commit(commitOf(2, { results: [resultOf(7, { key: 'task-1', receivedAt: 80 })] }));
          await remove(50);

          expect(await store.readResult(fleet, 'task-1')).toMatchObject({ settledSeq: 7 });
          await remove(1e15);
          expect(await store.readResult(fleet, 'task-1')).toBeNull();
        });

        it('goes on slice by slice', async () => {
          const results = range(7, 5_006).map((seq) => resultOf(seq, { receivedAt: 1 }));
          await store.commit(commitOf(2, { results }));

          let slices = 1;
          while (await remove(2, 1e6)) slices += 1;
          expect(slices).toBeGreaterThan(1);
          expect(await left()).toEqual({ tasks: [1, 2, 3, 4, 5], results: [1, 2, 3, 4, 5, 6] });
        });
      });
    });

    describe('reopening', () => {
      it('hands over, in order and in pages, the tasks that have not settled', async () => {
        await store.open(fleet, 'me');
        const tasks = range(1, 12_000).map((seq) => taskOf(seq));
        const settled = tasks.filter((_, index) => index % 3 === 0).map((task) => rowOf(task, 'completed'));
        await store.commit(commitOf(1, { newTasks: tasks }));
        await store.commit(commitOf(2, { tasks: settled }));
        await store.release(fleet);

        const opened = await store.open(fleet, 'me');
        const pages: (readonly TaskRow[])[] = [];
        for await (const page of opened.tasks) pages.push(page);

        expect(pages.length).toBeGreaterThan(1);
        expect(pages.flat().map(({ context }) => context.seq)).toEqual(
          range(1, 12_000).filter((seq) => seq % 3 !== 1)
        );
        expect(pages[0]![0]).toEqual(taskOf(2).row);
      });

      it('hands over numbers as they were, to the last digit', async () => {
        await store.open(fleet, 'me');
        const numbers = {
          priority: 0.1 + 0.2,
          timeoutMs: 1 / 3,
          createdAt: 2 ** 53 - 1,
          dueAt: now + 0.1,
          startedAt: -1
        };
        const tasks = [taskOf(1, numbers), taskOf(2, { priority: -1e300 }), taskOf(3, { priority: 5e-324 })];
        const results = [
          { ...resultOf(1), duration: 5e-324, timestamp: 0.1 + 0.2 },
          { ...resultOf(2), duration: 2 ** 53 - 1, timestamp: 1 / 3 }
        ];
        await store.commit(commitOf(1, { newTasks: tasks, results }));
        await store.release(fleet);

        const opened = await store.open(fleet, 'me');
        for await (const page of opened.tasks) expect(page).toEqual(tasks.map(({ row }) => row));
        expect(await store.listTasks(fleet, { limit: 9 })).toEqual(tasks);
        expect(await store.readResults(fleet, { limit: 9 })).toEqual(results);
        expect(await store.sumResults(fleet, 0)).toMatchObject({ totalDuration: 5e-324 + 2 ** 53 - 1 });
      });

      it('hands over the batches that have not settled, in order of creation', async () => {
        await store.open(fleet, 'me');
        const states = ['accepting', 'pending', 'processing', 'paused', 'cancelling'] as const;
        const live = states.map((state) => ({ ...batchOf(`z-${state}`), state }));
        const settled = (['completed', 'failed', 'partial', 'cancelled'] as const).map((state) => ({
          ...batchOf(`a-${state}`),
          state
        }));
        await store.commit(commitOf(1, { batches: [...settled, ...live] }));
        await store.release(fleet);

        expect((await store.open(fleet, 'me')).batches).toEqual(live);
      });
    });

    describe('tasks', () => {
      // Batch `a` has the odd numbers, batch `b` the even ones; 7 and 8 are single.
      const tasks = range(1, 8).map((seq) => {
        const batchId = seq > 6 ? null : seq % 2 === 1 ? 'a' : 'b';
        return taskOf(seq, { batchId, type: seq < 4 ? 'check' : 'clean' });
      });
      const states = [
        'completed',
        'running',
        'failed',
        'cancelled',
        'queued',
        'timedOut',
        'queued',
        'running'
      ] as const;

      beforeEach(async () => {
        await store.open(fleet, 'me');
        const batches = [
          batchOf('a', { firstSeq: 1, lastSeq: 5 }),
          batchOf('b', { firstSeq: 2, lastSeq: 6 })
        ];
        await store.commit(commitOf(1, { newTasks: tasks, batches }));
        await store.commit(commitOf(2, { tasks: tasks.map((task, index) => rowOf(task, states[index]!)) }));
      });

      it.each<[query: TaskQuery, seqs: number[]]>([
        [{ limit: 9 }, range(1, 8)],
        [{ limit: 3 }, [1, 2, 3]],
        [{ limit: 3, after: 3 }, [4, 5, 6]],
        [{ limit: 9, after: 8 }, []],
        [{ limit: 9, batchId: 'a' }, [1, 3, 5]],
        [{ limit: 1, batchId: 'b', after: 2 }, [4]],
        [{ limit: 9, batchId: 'none' }, []],
        [{ limit: 9, type: 'clean' }, [4, 5, 6, 7, 8]],
        [{ limit: 9, status: 'running' }, [2, 8]],
        [{ limit: 9, status: 'completed' }, [1]],
        [{ limit: 9, status: 'failed' }, [3]],
        [{ limit: 9, status: 'timedOut' }, [6]],
        [{ limit: 9, status: 'scheduled' }, []],
        [{ limit: 9, status: 'queued', after: 5 }, [7]],
        [{ limit: 9, status: 'queued', batchId: 'a' }, [5]],
        [{ limit: 9, status: 'cancelled', batchId: 'b', type: 'clean' }, [4]],
        [{ limit: 9, status: 'cancelled', batchId: 'a' }, []]
      ])('lists those of %j in order', async (query, seqs) => {
        expect(seqsOf(await store.listTasks(fleet, query))).toEqual(seqs);
      });

      it('reads those that exist by key, each once', async () => {
        const found = await store.readTasks(fleet, ['task-3', 'none', 'task-1', 'task-3']);

        expect(seqsOf(found).toSorted((a, b) => a - b)).toEqual([1, 3]);
        expect(await store.readTasks(fleet, [])).toEqual([]);
      });

      it('reads the rows alone of those that exist, by key or by number', async () => {
        const byKey = await store.readTaskRows(fleet, { keys: ['task-3', 'none', 'task-1', 'task-3'] });
        const bySeq = await store.readTaskRows(fleet, { seqs: [3, 99, 1, 3] });

        const found = await store.readTasks(fleet, ['task-1', 'task-3']);
        for (const rows of [byKey, bySeq]) {
          expect(rows.toSorted((a, b) => a.context.seq - b.context.seq)).toEqual(found.map(({ row }) => row));
        }
        expect(await store.readTaskRows(fleet, { seqs: [] })).toEqual([]);
        expect(await store.readTaskRows(otherFleet, { seqs: [1] })).toEqual([]);
      });

      it('finds nothing in a fleet that nobody opened', async () => {
        expect(await store.listTasks(otherFleet, { limit: 9 })).toEqual([]);
        expect(await store.readTasks(otherFleet, ['task-1'])).toEqual([]);
        expect(await store.readHead(otherFleet)).toBeNull();
      });
    });

    describe('batches', () => {
      beforeEach(async () => {
        await store.open(fleet, 'me');
        await store.commit(commitOf(1, { batches: [batchOf('c'), batchOf('a')] }));
        await store.commit(commitOf(2, { batches: [batchOf('b'), { ...batchOf('c'), state: 'failed' }] }));
      });

      it.each<[query: BatchQuery, ids: string[]]>([
        [{ limit: 9 }, ['c', 'a', 'b']],
        [{ limit: 2 }, ['c', 'a']],
        [{ limit: 9, after: 'c' }, ['a', 'b']],
        [{ limit: 9, after: 'b' }, []],
        [{ limit: 9, after: 'never there' }, []],
        [{ limit: 9, status: 'processing' }, ['a', 'b']],
        [{ limit: 9, status: 'processing', after: 'a' }, ['b']],
        [{ limit: 9, status: 'failed' }, ['c']],
        [{ limit: 9, status: 'paused' }, []]
      ])('lists those of %j in order of creation', async (query, ids) => {
        expect((await store.listBatches(fleet, query)).map(({ context }) => context.id)).toEqual(ids);
      });

      it('reads none of an id that is not there', async () => {
        expect(await store.readBatch(fleet, 'never there')).toBeNull();
      });
    });

    describe('results', () => {
      // 3 and 6 failed; the clock was set back before 5.
      const results = [
        resultOf(1, { batchId: 'a', workerId: 'w1' }),
        resultOf(2, { batchId: 'b', workerId: 'w2' }),
        failureOf(3, { batchId: 'a', workerId: 'w2' }),
        resultOf(4, { batchId: null, workerId: null, result: null }),
        resultOf(5, { batchId: 'a', workerId: 'w1', receivedAt: now - 1_000 }),
        failureOf(6, { batchId: 'b', workerId: 'w1', status: 'timedOut' })
      ];

      beforeEach(async () => {
        await store.open(fleet, 'me');
        await store.commit(commitOf(1, { results: results.slice(0, 4) }));
        await store.commit(commitOf(2, { results: results.slice(4) }));
      });

      it('gives back the results that it was given', async () => {
        expect(await store.readResults(fleet, { limit: 9 })).toEqual(results);
      });

      it.each<[query: ResultQuery, numbers: number[]]>([
        [{ limit: 2 }, [1, 2]],
        [{ limit: 2, offset: 3 }, [4, 5]],
        [{ limit: 9, offset: 6 }, []],
        [{ limit: 2, order: 'newest' }, [6, 5]],
        [{ limit: 2, order: 'newest', offset: 1 }, [5, 4]],
        [{ limit: 9, afterSettledSeq: 4 }, [5, 6]],
        [{ limit: 9, afterSettledSeq: 4, order: 'newest' }, [6, 5]],
        [{ limit: 9, afterSettledSeq: 6 }, []],
        [{ limit: 9, batchId: 'a' }, [1, 3, 5]],
        [{ limit: 1, batchId: 'a', afterSettledSeq: 1 }, [3]],
        [{ limit: 2, batchId: 'a', order: 'newest' }, [5, 3]],
        [{ limit: 9, batchId: 'none' }, []],
        [{ limit: 9, workerId: 'w2' }, [2, 3]],
        [{ limit: 9, workerId: 'w1', batchId: 'a', offset: 1 }, [5]],
        [{ limit: 9, success: false }, [3, 6]],
        [{ limit: 9, success: true, workerId: 'w1' }, [1, 5]],
        [{ limit: 9, success: false, batchId: 'a' }, [3]],
        [{ limit: 1, success: false, order: 'newest' }, [6]],
        [{ limit: 9, since: now + 3 }, [3, 4, 6]],
        [{ limit: 9, since: now + 3, order: 'newest', batchId: 'b' }, [6]],
        [{ limit: 9, since: now - 1_000 }, [1, 2, 3, 4, 5, 6]],
        [{ limit: 9, since: now + 7 }, []],
        [{ limit: 9, until: now + 3 }, [1, 2, 5]],
        [{ limit: 2, until: now + 3, order: 'newest' }, [5, 2]],
        [{ limit: 9, until: now - 1_000 }, []],
        [{ limit: 9, until: now + 9 }, [1, 2, 3, 4, 5, 6]],
        [{ limit: 9, since: now + 2, until: now + 4 }, [2, 3]],
        [{ limit: 9, taskType: 'check' }, [1, 2, 3, 4, 5, 6]],
        [{ limit: 2, taskType: 'check', order: 'newest', offset: 1 }, [5, 4]],
        [{ limit: 9, taskType: 'check', workerId: 'w2', success: false }, [3]],
        [{ limit: 9, taskType: 'other' }, []]
      ])('reads those of %j', async (query, numbers) => {
        const found = await store.readResults(fleet, query);
        expect(found.map(({ settledSeq }) => settledSeq)).toEqual(numbers);
      });

      it.each<[query: ResultQuery, numbers: number[]]>([
        [{ limit: 9 }, [10, 1_022, 1_024, 1_026, 90_000]],
        [{ limit: 9, order: 'newest' }, [90_000, 1_026, 1_024, 1_022, 10]],
        [{ limit: 2, offset: 1 }, [1_022, 1_024]],
        [{ limit: 2, offset: 3 }, [1_026, 90_000]],
        [{ limit: 2, offset: 3, order: 'newest' }, [1_022, 10]],
        [{ limit: 9, offset: 5 }, []],
        [{ limit: 9, afterSettledSeq: 1_023 }, [1_024, 1_026, 90_000]],
        [{ limit: 9, afterSettledSeq: 90_000 }, []],
        [{ limit: 9, since: now + 1_022, until: now + 1_026 }, [1_022, 1_024]]
      ])('reads those of a worker that has done others long ago, of %j', async (query, numbers) => {
        const own = [10, 1_022, 1_024, 1_026, 90_000].map((seq) => resultOf(seq, { workerId: 'rare' }));
        const others = [11, 1_023, 1_025, 5_000, 90_001].map((seq) => resultOf(seq, { workerId: 'often' }));
        const results = [...own, ...others].sort((left, right) => left.settledSeq - right.settledSeq);
        await store.commit(commitOf(3, { results }));

        const found = await store.readResults(fleet, { ...query, workerId: 'rare' });
        expect(found.map(({ settledSeq }) => settledSeq)).toEqual(numbers);
      });

      it('finds those since a time after a batch among them was removed', async () => {
        await store.commit(commitOf(3, { batches: [settledBatchOf('a')] }));
        await store.removeBatch(fleet, 'a');

        const found = await store.readResults(fleet, { since: now + 3, limit: 9 });
        expect(found.map(({ settledSeq }) => settledSeq)).toEqual([4, 6]);
      });

      it('removes those from outside up to a position, and no other', async () => {
        const outside = [7, 8, 9].map((seq) => resultOf(seq, { key: `/w/${seq}`, workerId: 'w' }));
        await store.commit(commitOf(3, { results: outside }));

        expect(await store.removeOutsideResults(fleet, 8)).toBe(false);
        const left = await store.readResults(fleet, { limit: 99 });
        expect(left.map(({ settledSeq }) => settledSeq)).toEqual([1, 2, 3, 4, 5, 6, 9]);
        expect(await store.hasResults(fleet, [{ workerId: 'w', key: '/w/7', attempt: 1 }])).toEqual([false]);
        expect(await store.hasResults(fleet, [{ workerId: 'w', key: '/w/9', attempt: 1 }])).toEqual([true]);
      });

      it('removes those from outside in slices', async () => {
        const outside = Array.from({ length: 1_500 }, (_, index) =>
          resultOf(7 + index, { key: `/w/${index}` })
        );
        await store.commit(commitOf(3, { results: outside }));

        expect(await store.removeOutsideResults(fleet, 9_999)).toBe(true);
        expect(await store.readResults(fleet, { limit: 999, afterSettledSeq: 6 })).toHaveLength(500);
        expect(await store.removeOutsideResults(fleet, 9_999)).toBe(false);
        expect(await store.readResults(fleet, { limit: 9, afterSettledSeq: 6 })).toEqual([]);
      });

      it('reads the latest result of one task', async () => {
        await store.commit(commitOf(3, { results: [resultOf(7, { key: 'task-2', attempts: 2 })] }));

        expect(await store.readResult(fleet, 'task-1')).toEqual(results[0]);
        expect(await store.readResult(fleet, 'task-2')).toMatchObject({ settledSeq: 7 });
        expect(await store.readResult(fleet, 'none')).toBeNull();
      });

      it.each<[worker: string, key: string, attempt: number, isThere: boolean]>([
        ['w1', 'task-1', 1, true],
        ['w2', 'task-1', 1, false],
        ['w1', 'task-1', 2, false],
        ['w1', 'task-9', 1, false]
      ])('knows whether %s has a result of %s, attempt %i', async (workerId, key, attempt, isThere) => {
        expect(await store.hasResults(fleet, [{ workerId, key, attempt }])).toEqual([isThere]);
      });

      it('knows every result of a task, not the latest alone', async () => {
        await store.commit(
          commitOf(3, { results: [resultOf(7, { key: 'task-1', workerId: 'w9', attempts: 2 })] })
        );

        expect(await store.hasResults(fleet, [{ workerId: 'w1', key: 'task-1', attempt: 1 }])).toEqual([
          true
        ]);
        expect(await store.hasResults(fleet, [{ workerId: 'w9', key: 'task-1', attempt: 2 }])).toEqual([
          true
        ]);
      });

      it.each([
        [
          0,
          {
            successCount: 4,
            failureCount: 2,
            totalDuration: 18,
            oldestResult: now + 1,
            settledSeq: 6,
            outcomes: '++-++-'
          }
        ],
        [
          4,
          {
            successCount: 1,
            failureCount: 1,
            totalDuration: 6,
            oldestResult: now + 5,
            settledSeq: 6,
            outcomes: '+-'
          }
        ]
      ])('sums those after %i', async (after, sum) => {
        expect(await store.sumResults(fleet, after)).toEqual({ ...sum, newestResult: now + 6 });
      });

      it('sums none as nothing', async () => {
        const none = { successCount: 0, failureCount: 0, totalDuration: 0, oldestResult: 0, newestResult: 0 };
        expect(await store.sumResults(fleet, 6)).toEqual({ ...none, settledSeq: 6, outcomes: '' });
      });
    });

    describe('commands', () => {
      const reply: CommandReply = { ok: true, value: { cancelled: 3 } };

      beforeEach(async () => {
        await store.open(fleet, 'me');
      });

      it('delivers what came before and what comes after, in order and once', async () => {
        await store.sendCommand(fleet, cancel('c1'));
        await store.sendCommand(fleet, cancel('c2'));
        const inbox = watch(store, fleet);
        await inbox.has(2);
        await store.sendCommand(fleet, cancel('c1'));
        await store.sendCommand(fleet, cancel('c3'));
        await store.sendCommand(otherFleet, cancel('c4'));

        expect(await inbox.has(3)).toEqual(['c1', 'c2', 'c3'].map(cancel));
      });

      it('keeps the answer for who sent the command', async () => {
        await store.sendCommand(fleet, cancel('c1'));
        expect(await store.readReply(fleet, 'c1')).toBeNull();

        await store.answerCommand(fleet, 'c1', reply);
        expect(await store.readReply(fleet, 'c1')).toEqual(reply);
        expect(await store.readReply(otherFleet, 'c1')).toBeNull();
      });

      it('keeps the first answer', async () => {
        await store.sendCommand(fleet, cancel('c1'));
        await store.answerCommand(fleet, 'c1', reply);
        await store.answerCommand(fleet, 'c1', { ok: false, code: 'ERR_X', message: 'again' });
        await store.answerCommand(fleet, 'never sent', reply);

        expect(await store.readReply(fleet, 'c1')).toEqual(reply);
        expect(await store.readReply(fleet, 'never sent')).toBeNull();
      });

      it('delivers again, to the next owner, those that were not answered', async () => {
        await store.sendCommand(fleet, cancel('c1'));
        await store.sendCommand(fleet, cancel('c2'));
        const first = watch(store, fleet);
        await first.has(2);
        await store.answerCommand(fleet, 'c1', reply);
        await store.release(fleet);
        await store.open(fleet, 'me');

        expect(await watch(store, fleet).has(1)).toEqual([cancel('c2')]);
        expect(first.commands).toHaveLength(2);
      });

      it('delivers nothing after the watch was released', async () => {
        const released = watch(store, fleet);
        released.release();
        const inbox = watch(store, fleet);
        await store.sendCommand(fleet, cancel('c1'));

        await inbox.has(1);
        expect(released.commands).toEqual([]);
      });

      it('takes commands for a fleet that is not open', async () => {
        await store.sendCommand(otherFleet, cancel('c1'));
        await store.open(otherFleet, 'me');

        expect(await watch(store, otherFleet).has(1)).toEqual([cancel('c1')]);
      });
    });
  });
}

export function cancel(id: string): InboxCommand {
  return { id, command: { type: 'batch.cancel', batchId: 'b' }, sentAt: now };
}

/** Watches for commands. `has` resolves when there are so many. */
export function watch(store: Store, scope: string) {
  const commands: InboxCommand[] = [];
  let wake = (): void => undefined;
  const watching = store.watchCommands(scope, (command) => {
    commands.push(command);
    wake();
  });
  return {
    commands,
    release: () => watching[Symbol.dispose](),
    async has(count: number): Promise<readonly InboxCommand[]> {
      while (commands.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return commands;
    }
  };
}

async function liveSeqs(opened: StoredFleet): Promise<number[]> {
  return (await liveRows(opened)).map(({ context }) => context.seq);
}

async function liveRows(opened: StoredFleet): Promise<TaskRow[]> {
  const rows: TaskRow[] = [];
  for await (const page of opened.tasks) rows.push(...page);
  return rows;
}

function keyOfTask({ row }: StoredTask): string {
  return row.context.key;
}

function seqsOf(tasks: readonly { readonly row: TaskRow }[]): number[] {
  return tasks.map(({ row }) => row.context.seq);
}

/** A task with an idempotency key. */
function named(seq: number, idempotencyKey: string, context: Partial<TaskRow['context']> = {}): StoredTask {
  return { ...taskOf(seq, context), payload: payloadOf(JSON.stringify({ seq }), { idempotencyKey }) };
}

function rowsInOrder(rows: readonly TaskRow[]): TaskRow[] {
  return rows.toSorted((left, right) => left.context.seq - right.context.seq);
}
