import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { AbortCause, Executor } from '../../src/executor.ts';
import type { Json, TaskError } from '../../machines/task.ts';
import { settled } from '../harness.ts';
import { silenceRunner } from './errorListeners.ts';
import { attemptOf, RecordedReports } from './reports.ts';
import { leftSince, resources } from './resources.ts';

const timeout: AbortCause = { kind: 'timeout', message: 'too long' };

/**
 * What every executor promises.
 *
 * @param make - Makes one that runs `handlers.ts`. Most tests share one, with reports of their own.
 * @param endsHandlers - Whether a handler that hangs ends with its worker.
 */
export function describeExecutor(
  name: string,
  make: (options?: { shouldRetry: (error: unknown) => boolean }) => Executor,
  { endsHandlers }: { readonly endsHandlers: boolean }
): void {
  describe(name, () => {
    let executor: Executor;
    let reports: RecordedReports;
    let seq = 0;
    let restoreRunner: () => void;

    beforeAll(async () => {
      restoreRunner = silenceRunner();
      executor = make();
      reports = new RecordedReports();
      await executor.start(reports);
      await Promise.all([executor.startWorker('w1'), executor.startWorker('w2')]);
    });
    afterAll(async () => {
      await executor.stop();
      restoreRunner();
    });

    /** Runs one attempt to its end. */
    async function run(type: string, data: Json = null) {
      seq += 1;
      executor.dispatch([attemptOf(seq, type, data)]);
      return (await reports.first('settled', seq)).outcome;
    }

    it('knows the types of its handlers once it has started', () => {
      expect([...executor.types!]).toEqual(expect.arrayContaining(['echo', 'hang', 'throwIt']));
    });

    it.each<[what: string, type: string, data: Json, outcome: object]>([
      [
        'what it returned',
        'echo',
        { a: [1, 'é', null] },
        { status: 'completed', result: '{"a":[1,"é",null]}' }
      ],
      ['nothing', 'nothing', null, { status: 'completed', result: null }],
      ['{ success: false }', 'refuse', 'no', { status: 'failed', error: { message: 'no', retryable: true } }],
      ['a rejection with a text', 'rejectWith', 'no', { status: 'failed', error: { message: 'no' } }],
      ['a rejection with null', 'rejectWith', null, { status: 'failed', error: { retryable: true } }],
      [
        'a NonRetryableError',
        'giveUp',
        null,
        { status: 'failed', error: { name: 'NonRetryableError', message: 'never', retryable: false } }
      ],
      [
        'what JSON cannot hold',
        'bigInt',
        null,
        { status: 'failed', error: { code: 'ERR_RESULT_NOT_SERIALIZABLE', retryable: false } }
      ],
      [
        'no handler',
        'unheardOf',
        null,
        { status: 'failed', error: { code: 'ERR_NON_RETRYABLE', retryable: false } }
      ]
    ])('tells the outcome of %s', async (_, type, data, outcome) => {
      expect(await run(type, data)).toMatchObject(outcome);
    });

    it('keeps name, message, code and stack of an error', async () => {
      const outcome = await run('throwIt');
      expect(outcome).toMatchObject({
        status: 'failed',
        error: { name: 'RangeError', message: 'too far', code: 'E_FAR', retryable: true }
      });
      expect((outcome as { error: TaskError }).error.stack).toMatch(
        /^RangeError: too far\n.*throwIt.*handlers\.ts/
      );
    });

    it('tells a handler its task, its attempt and its worker', async () => {
      seq += 1;
      const attempt = attemptOf(seq, 'told', null, {
        attempt: 3,
        key: 'b/a',
        taskId: 'a',
        batchId: 'b',
        metadata: '{"m":1}',
        workerId: 'w2'
      });
      executor.dispatch([attempt]);
      const { outcome } = await reports.first('settled', seq);
      expect(JSON.parse((outcome as { result: string }).result)).toEqual({
        task: { id: 'a', key: 'b/a', batchId: 'b', type: 'told', metadata: { m: 1 } },
        key: 'b/a',
        attempt: 3,
        workerId: 'w2'
      });
    });

    it('tells progress and lines in order, before the outcome, and cuts a line', async () => {
      const before = reports.all.length;
      await run('tell');
      expect(reports.all.slice(before)).toMatchObject([
        { type: 'progress', value: { percent: 50 } },
        { type: 'log', line: 'a line' },
        { type: 'log', line: 'x'.repeat(4_096) },
        { type: 'settled' }
      ]);
    });

    it('settles each of many attempts exactly once', async () => {
      const from = seq + 1;
      seq += 300;
      const seqs = Array.from({ length: 300 }, (_, index) => from + index);
      executor.dispatch(
        seqs.map((each) => attemptOf(each, 'echo', each, { workerId: each % 2 ? 'w1' : 'w2' }))
      );
      await Promise.all(seqs.map((each) => reports.first('settled', each)));
      await settled();
      const told = reports.of('settled').filter((each) => each.seq >= from);
      expect(told.map((each) => each.seq).toSorted((left, right) => left - right)).toEqual(seqs);
      for (const { seq: each, outcome } of told) {
        expect(outcome).toEqual({ status: 'completed', result: `${each}` });
      }
    });

    it.each(['obey', 'ignore'])(
      'aborts a handler that may %s it, and tells its one outcome',
      async (type) => {
        seq += 1;
        executor.dispatch([attemptOf(seq, type)]);
        await reports.first('progress', seq);
        executor.abort({ seq, attempt: 2 }, { kind: 'timeout', message: 'not this one' });
        executor.abort({ seq, attempt: 1 }, timeout);
        executor.abort({ seq, attempt: 1 }, { kind: 'cancelled', message: 'again' });
        const { outcome } = await reports.first('settled', seq);
        expect(outcome).toEqual({
          status: 'completed',
          result: JSON.stringify(type === 'obey' ? 'too long' : 'late')
        });
        executor.abort({ seq, attempt: 1 }, timeout);
        await run('nothing');
        expect(reports.of('settled').filter((told) => told.seq === seq - 1)).toHaveLength(1);
      }
    );

    it('fails an attempt whose detached code throws while it runs', async () => {
      expect(await run('stray')).toMatchObject({ status: 'failed', error: { message: 'stray' } });
      expect(await reports.first('detached', seq)).toMatchObject({ hasFailed: true });
    });

    it('tells what detached code throws after the attempt as late', async () => {
      vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
      expect(await run('strayLate')).toMatchObject({ status: 'completed' });
      expect(await reports.first('detached', seq)).toMatchObject({
        hasFailed: false,
        error: { message: 'stray' }
      });
      expect(reports.of('settled').filter((told) => told.seq === seq)).toHaveLength(2);
    });

    it('calls attempts of another process lost, in order', async () => {
      expect(
        await executor.reattach([
          { seq: 1, attempt: 1, workerId: 'w1' },
          { seq: 2, attempt: 9, workerId: 'w2' }
        ])
      ).toEqual([{ status: 'lost' }, { status: 'lost' }]);
    });

    it('stops a worker in which a handler hangs', async () => {
      await executor.startWorker('w3');
      seq += 1;
      executor.dispatch([attemptOf(seq, 'hang', null, { workerId: 'w3' })]);
      await reports.first('progress', seq);
      await executor.stopWorker('w3');
      const lost = reports.of('lost').filter((told) => told.seq === seq);
      expect(lost).toHaveLength(endsHandlers ? 1 : 0);
      expect(reports.of('workerLost')).toEqual([]);
      expect(await run('echo', 'others go on')).toMatchObject({ status: 'completed' });
    });

    it('stops a worker that it does not know', async () => {
      await expect(executor.stopWorker('nobody')).resolves.toBeUndefined();
    });

    it('asks shouldRetry, which decides nothing when it throws', async () => {
      const asked: string[] = [];
      const choosy = make({
        shouldRetry: (error) => {
          const { message } = error as Error;
          asked.push(message);
          if (message === 'broken') throw new Error('hook');
          return message === 'again';
        }
      });
      const own = new RecordedReports();
      await choosy.start(own);
      await choosy.startWorker('w1');
      const messages = ['again', 'never', 'broken'];
      choosy.dispatch(messages.map((message, index) => attemptOf(index, 'rejectWith', { message })));
      const ends = await Promise.all(messages.map((_, index) => own.first('settled', index)));
      expect(ends.map(({ outcome }) => (outcome as { error: TaskError }).error.retryable)).toEqual([
        true,
        false,
        true
      ]);
      choosy.dispatch([attemptOf(9, 'giveUp')]);
      expect((await own.first('settled', 9)).outcome).toMatchObject({ error: { retryable: false } });
      expect(asked).toEqual(messages);
      await choosy.stop();
    });

    it('tells nothing after its stop, leaves nothing behind, and starts again', async () => {
      const other = make();
      const before = resources();
      const own = new RecordedReports();
      await other.start(own);
      await other.startWorker('w1');
      other.dispatch([attemptOf(1, 'obey'), attemptOf(2, 'hang')]);
      await own.first('progress', 2);
      await other.stop();
      const told = own.all.length;
      await other.stop();
      await settled();
      expect(own.all).toHaveLength(told);
      expect(leftSince(before)).toEqual([]);

      const next = new RecordedReports();
      await other.start(next);
      await other.startWorker('w1');
      other.dispatch([attemptOf(3, 'echo', 'again')]);
      expect((await next.first('settled', 3)).outcome).toEqual({ status: 'completed', result: '"again"' });
      await other.stop();
    });
  });
}
