import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Json } from '../../machines/task.ts';
import type { Attempt, Executor, JoinedWorker } from '../../src/index.ts';
import { attemptOf, RecordedReports } from './reports.ts';

/** A worker process that a test has started somewhere else. It runs the handlers of `handlers.ts`. */
export interface RemoteProcess {
  readonly workerId: string;
  /** It ends as it was asked to: it takes nothing more, ends what it has begun, and goes. */
  drain(): Promise<void>;
  /** It ends at once, and says nothing. */
  kill(): Promise<void>;
}

/** What lies between fleets and workers: it outlives both. */
export interface RemoteFixture {
  /** The end of it that one process of a fleet holds. */
  connect(): Executor;
  startProcess(options?: {
    readonly concurrency?: number;
    readonly tags?: readonly string[];
  }): Promise<RemoteProcess>;
  /** Ends everything that is left. */
  close(): Promise<void>;
}

/** What every executor promises whose workers are processes elsewhere. */
export function describeRemoteExecutor(name: string, make: () => Promise<RemoteFixture>): void {
  describe(name, () => {
    let fixture: RemoteFixture;
    let executor: Executor;
    let reports: RecordedReports;

    beforeEach(async () => {
      fixture = await make();
      ({ executor, reports } = await connect());
    });
    afterEach(async () => {
      await executor.stop();
      await fixture.close();
    });

    async function connect() {
      const connected = fixture.connect();
      const own = new RecordedReports();
      await connected.start(own);
      return { executor: connected, reports: own };
    }

    /** Dispatches one attempt to a worker. */
    function dispatch(seq: number, { workerId }: RemoteProcess, type: string, data: Json = null): Attempt {
      const attempt = attemptOf(seq, type, data, { workerId });
      executor.dispatch([attempt]);
      return attempt;
    }

    const joined = (from: RecordedReports, workerId: string): Promise<JoinedWorker> =>
      from.until('joined', ({ worker }) => worker.workerId === workerId).then(({ worker }) => worker);

    it('is remote, can be asked for heartbeats, and leaves types to its workers', () => {
      expect(executor).toMatchObject({ isRemote: true, types: null });
      expect(executor.probe).toBeTypeOf('function');
    });

    it('tells of each worker that comes, with what it says of itself', async () => {
      const { workerId } = await fixture.startProcess({ concurrency: 3, tags: ['gpu', 'fast'] });
      const worker = await joined(reports, workerId);
      expect(worker).toMatchObject({ workerId, concurrency: expect.any(Number) as number, problem: null });
      expect(worker.concurrency).toBeGreaterThanOrEqual(3);
      expect(worker.tags.toSorted()).toEqual(['fast', 'gpu']);
      expect(worker.types).toEqual(expect.arrayContaining(['echo', 'hang', 'throwIt']));
    });

    it('tells a fleet that comes later of the workers that are there', async () => {
      const { workerId } = await fixture.startProcess();
      await joined(reports, workerId);
      await executor.stop();
      ({ executor, reports } = await connect());
      expect(await joined(reports, workerId)).toMatchObject({ workerId, problem: null });
    });

    it('tells when an attempt begins, and then how it ended, once', async () => {
      const worker = await fixture.startProcess();
      await joined(reports, worker.workerId);
      dispatch(1, worker, 'echo', { a: 1 });
      dispatch(2, worker, 'throwIt');
      expect((await reports.first('settled', 1)).outcome).toEqual({ status: 'completed', result: '{"a":1}' });
      expect((await reports.first('settled', 2)).outcome).toMatchObject({
        status: 'failed',
        error: { name: 'RangeError', message: 'too far' }
      });
      const third = dispatch(3, worker, 'obey');
      await reports.first('started', 3);
      executor.abort(third, { kind: 'cancelled', message: 'enough' });
      await reports.first('settled', 3);
      const told = [1, 2, 3].map((seq) =>
        reports.all
          .filter((each) => 'seq' in each && each.seq === seq && each.type !== 'progress')
          .map(({ type }) => type)
      );
      // That an attempt has begun need not be told where its end is.
      for (const types of told) expect([['settled'], ['started', 'settled']]).toContainEqual(types);
      expect(told[2]).toEqual(['started', 'settled']);
    });

    it('tells what a handler tells', async () => {
      const worker = await fixture.startProcess();
      await joined(reports, worker.workerId);
      dispatch(1, worker, 'tell');
      await reports.first('settled', 1);
      expect(await reports.first('progress', 1)).toMatchObject({ value: { percent: 50 } });
      expect(await reports.first('log', 1)).toMatchObject({ line: 'a line' });
    });

    it('aborts what has begun, and tells its one outcome', async () => {
      const worker = await fixture.startProcess();
      await joined(reports, worker.workerId);
      const attempt = dispatch(1, worker, 'obey');
      await reports.first('progress', 1);
      executor.abort(attempt, { kind: 'timeout', message: 'too long' });
      expect((await reports.first('settled', 1)).outcome).toEqual({
        status: 'completed',
        result: '"too long"'
      });
      executor.abort(attempt, { kind: 'timeout', message: 'again' });
      dispatch(2, worker, 'echo');
      await reports.first('settled', 2);
      expect(reports.of('settled').filter(({ seq }) => seq === 1)).toHaveLength(1);
    });

    it('never begins what was aborted before', async () => {
      const worker = await fixture.startProcess({ concurrency: 1 });
      await joined(reports, worker.workerId);
      const first = dispatch(1, worker, 'obey');
      await reports.first('progress', 1);
      const second = dispatch(2, worker, 'echo');
      executor.abort(second, { kind: 'cancelled', message: 'not wanted' });
      await reports.untilAny(({ type, ...told }) => isEnd(type) && 'seq' in told && told.seq === 2);
      executor.abort(first, { kind: 'cancelled', message: 'not wanted' });
      await reports.first('settled', 1);
      expect(reports.of('started').map(({ seq }) => seq)).toEqual([1]);
    });

    it('leaves what runs running when a fleet stops: the next one finds it, and hears of its end', async () => {
      const worker = await fixture.startProcess({ concurrency: 1 });
      await joined(reports, worker.workerId);
      const held = dispatch(1, worker, 'obey');
      await reports.first('progress', 1);
      await executor.stop();
      const told = reports.all.length;
      ({ executor, reports } = await connect());
      expect(await executor.reattach([held])).toEqual([{ status: 'running' }]);
      executor.abort(held, { kind: 'cancelled', message: 'enough' });
      expect((await reports.first('settled', 1)).outcome).toEqual({
        status: 'completed',
        result: '"enough"'
      });
      expect(told).toBeGreaterThan(0);
    });

    it('says how an attempt ended that ended while no fleet was there, and calls lost what nobody has', async () => {
      const worker = await fixture.startProcess();
      await joined(reports, worker.workerId);
      const before = reports;
      const held = dispatch(1, worker, 'tell');
      // What a fleet has not sent yet when it stops nobody has.
      await before.untilHolds(() => before.all.some((told) => 'seq' in told && told.seq === 1));
      await executor.stop();
      ({ executor, reports } = await connect());
      const never = { seq: 9, attempt: 4, workerId: worker.workerId };
      const [fate, second] = await executor.reattach([held, never]);
      expect(second).toEqual({ status: 'lost' });
      // It may have ended before the stop, and the fleet before have it.
      const told =
        before.of('settled')[0] ?? (fate!.status === 'settled' ? fate : await reports.first('settled', 1));
      expect(told).toMatchObject({ outcome: { status: 'completed', result: '"told"' } });
    });

    it('tells when a worker drains and when it has left, and gives back what that has not begun', async () => {
      const worker = await fixture.startProcess({ concurrency: 1 });
      await joined(reports, worker.workerId);
      const first = dispatch(1, worker, 'obey');
      await reports.first('progress', 1);
      dispatch(2, worker, 'echo');
      const drained = worker.drain();
      await reports.until('draining', ({ workerId }) => workerId === worker.workerId);
      executor.abort(first, { kind: 'cancelled', message: 'go' });
      await drained;
      await reports.until('left', ({ workerId }) => workerId === worker.workerId);
      expect(reports.of('settled').filter(({ seq }) => seq === 1)).toHaveLength(1);
      await reports.untilAny(({ type, ...told }) => isEnd(type) && 'seq' in told && told.seq === 2);
    });

    it('has a heartbeat of a worker that is there, and none of one that was killed', async () => {
      const there = await fixture.startProcess();
      const killed = await fixture.startProcess();
      await Promise.all([joined(reports, there.workerId), joined(reports, killed.workerId)]);
      await killed.kill();
      // What it said just before may be its answer for a while.
      await vi.waitFor(async () => {
        const before = reports.all.length;
        const hasAnswered = ({ workerId }: RemoteProcess): boolean =>
          reports.all.slice(before).some((told) => told.type === 'heartbeat' && told.workerId === workerId);
        executor.probe!(killed.workerId);
        executor.probe!(there.workerId);
        await reports.untilHolds(() => hasAnswered(there));
        expect(hasAnswered(killed)).toBe(false);
      }, 20_000);
    });
  });
}

function isEnd(type: string): boolean {
  return type === 'settled' || type === 'lost' || type === 'returned';
}
