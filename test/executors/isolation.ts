import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  FleetManager,
  memoryStore,
  systemClock,
  type Clock,
  type Executor,
  type FleetConfig,
  type IsolatedOptions
} from '../../src/index.ts';
import { settled, SimulatedClock } from '../harness.ts';
import { unreadable } from '../hostileValues.ts';
import { attemptOf, RecordedReports } from './reports.ts';
import { leftSince, resources } from './resources.ts';

const module = new URL('handlers.ts', import.meta.url);

/** What the isolated executors promise beyond what every one does. @param ended - How one that exits is said to end. */
export function describeIsolation(
  name: 'threads' | 'processes',
  make: (options: IsolatedOptions) => Executor
): void {
  describe(`${name}: a handler that takes its worker down`, () => {
    it('is ended at its timeout when it blocks, retried in another worker, and stuck no more', async () => {
      const clock = new SimulatedClock();
      const fleet = await startFleet({ maxConcurrentWorkers: 2, cancelGraceMs: 50 }, {}, clock);
      const events = fleet.events({ types: ['task.progress', 'worker.stopped'] });
      const blocked = fleet.submit('blockOnce', 'done', { timeoutMs: 300 });
      await events.next();
      // The other worker goes on meanwhile.
      expect(await fleet.submit('echo', 'other')).toBe('other');
      // Its limit and the grace; then the pause before the next attempt.
      await clock.advance(350);
      await clock.advance(1);
      expect(await blocked).toBe('done');
      await events.next();
      // Taken in by the turn after.
      await fleet.submit('echo', null);

      expect(await fleet.getStats()).toMatchObject({
        retriedAttempts: 1,
        lostAttempts: 0,
        stuckWorkers: 0,
        lateOutcomes: 0
      });
    });

    it('is ended whatever maxStuck says', async () => {
      const fleet = await startFleet({
        maxConcurrentWorkers: 1,
        cancelGraceMs: 20,
        maxStuck: 0,
        maxRetries: 0
      });
      await expect(fleet.submit('block', null, { timeoutMs: 200 })).rejects.toMatchObject({
        result: { status: 'timedOut' }
      });
      expect(await fleet.submit('echo', 'next')).toBe('next');
      expect(await fleet.getStats()).toMatchObject({ stuckWorkers: 0 });
    });

    it('is ended when it blocks and its task is cancelled', async () => {
      const fleet = await startFleet({ cancelGraceMs: 20 });
      const progress = fleet.events({ types: ['task.progress'] });
      const { key } = await fleet.submitAsync('block', null);
      await progress.next();
      await fleet.cancelTask(key);
      await expect(fleet.waitFor(key)).rejects.toMatchObject({ code: 'ERR_TASK_CANCELLED' });
      expect(await fleet.submit('echo', 'next')).toBe('next');
    });

    it('is lost when it exits, and queued again at once with all that ran beside it', async () => {
      const fleet = await startFleet({ workerConcurrency: 3, maxRetries: 0 });
      const events = fleet.events({ types: ['task.progress', 'worker.lost'] });
      const { key } = await fleet.submitAsync('hangOnce', 'beside');
      await events.next();
      expect(await fleet.submit('exitOnce', 'done')).toBe('done');
      const lost = (await events.next()).value as { type: string; problem: string };
      expect(lost).toMatchObject({
        type: 'worker.lost',
        workerId: 'worker-1',
        problem: 'Worker worker-1 ended with code 3'
      });
      expect(await fleet.waitFor(key)).toBe('beside');
      expect(await fleet.getTask(key)).toMatchObject({ attempts: 2, workerId: 'worker-1.2' });
      expect(await fleet.getStats()).toMatchObject({ lostAttempts: 2, failedTasks: 0, retriedAttempts: 0 });
    });

    it('is poison when it does so too often', async () => {
      const fleet = await startFleet({ maxRecoveries: 1 });
      await expect(fleet.submit('exit', null)).rejects.toMatchObject({
        result: {
          attempts: 2,
          failure: {
            name: 'PoisonTaskError',
            message: expect.stringMatching(
              /ended with code 3"\. Mend what ends its worker, or raise/
            ) as string
          }
        }
      });
      expect(await fleet.submit('echo', 'next')).toBe('next');
    });

    it('takes down nothing else when its heap is full', async () => {
      const fleet = await startFleet({ maxRecoveries: 0 }, { maxOldGenerationSizeMb: 32 });
      await expect(fleet.submit('exhaust', null)).rejects.toMatchObject({
        result: { failure: { name: 'PoisonTaskError' } }
      });
      expect(await fleet.submit('echo', 'next')).toBe('next');
    });

    it('after it has returned costs its worker, which is made again', async () => {
      const fleet = await startFleet();
      const events = fleet.events({ types: ['worker.lost'] });
      expect(await fleet.submit('exitLater', null)).toBe('done');
      expect((await events.next()).value).toMatchObject({ problem: 'Worker worker-1 ended with code 4' });
      expect(await fleet.submit('echo', 'next')).toBe('next');
    });

    it('for longer than it may be silent is lost, and its task rescued', async () => {
      const clock = new SimulatedClock();
      const fleet = await startFleet({ heartbeatMs: 50, heartbeatTimeoutMs: 400 }, {}, clock);
      const progress = fleet.events({ types: ['task.progress'] });
      const done = fleet.submit('blockOnce', 'done');
      await progress.next();
      const events = fleet.events({ types: ['worker.unresponsive', 'worker.lost', 'worker.spawned'] });
      // It is asked, and owes the answer for as long as it may.
      await clock.advance(450);
      expect(await done).toBe('done');
      const facts = [await events.next(), await events.next(), await events.next()];
      expect(facts.map(({ value }) => value as object)).toMatchObject([
        { type: 'worker.unresponsive', workerId: 'worker-1' },
        { type: 'worker.lost', workerId: 'worker-1' },
        { type: 'worker.spawned', workerId: 'worker-1.2' }
      ]);
      expect(await fleet.getStats()).toMatchObject({ lostAttempts: 1, retriedAttempts: 0 });
    });

    it('holds up no stop', async () => {
      const fleet = await startFleet();
      const progress = fleet.events({ types: ['task.progress'] });
      const { key } = await fleet.submitAsync('block', null);
      await progress.next();
      await fleet.stop({ graceful: false });
      expect(await fleet.getTask(key)).toMatchObject({ status: 'queued' });
    });
  });

  describe(`${name}: a worker`, () => {
    it('answers when it is asked, unless it is blocked', async () => {
      const { executor, reports } = await startExecutor();
      await executor.startWorker('w2');
      executor.dispatch([attemptOf(1, 'block', null, { workerId: 'w2' })]);
      await reports.first('progress', 1);
      executor.probe!('w2');
      executor.probe!('w1');
      executor.probe!('nobody');
      await reports.first('heartbeat');
      expect(reports.of('heartbeat').map(({ workerId }) => workerId)).toEqual(['w1']);
      await executor.stopWorker('w2');
      expect(reports.of('lost')).toMatchObject([{ seq: 1, attempt: 1 }]);
      expect(reports.of('workerLost')).toEqual([]);
    });

    it('that died is told with its attempts, once, and what is still given to it is lost', async () => {
      const { executor, reports } = await startExecutor();
      executor.dispatch([attemptOf(1, 'hang'), attemptOf(2, 'exit')]);
      const { reason } = await reports.first('workerLost');
      expect(reason).toBe('Worker w1 ended with code 3');
      executor.dispatch([attemptOf(3, 'echo')]);
      expect(reports.of('lost').map(({ seq }) => seq)).toEqual([1, 2, 3]);
      expect(reports.of('settled')).toEqual([]);
      expect(reports.of('workerLost')).toHaveLength(1);
    });

    it('is not made any more by an executor that has stopped', async () => {
      const { executor } = await startExecutor();
      await executor.stop();
      await expect(executor.startWorker('w2')).rejects.toThrow('Worker w2 is not made');
    });

    it('is not misled by what handlers say on its line', async () => {
      const { executor, reports } = await startExecutor();
      executor.dispatch([attemptOf(1, 'babble')]);
      expect((await reports.first('settled', 1)).outcome).toMatchObject({ status: 'completed' });
    });
  });

  describe(`${name}: the module of handlers`, () => {
    it.each<[what: string, file: string, text: string]>([
      ['named exports', 'a.mjs', 'export const work = (data) => data + 1;'],
      ['a default export', 'b.mjs', 'export default { work: (data) => data + 1 };'],
      ['an export `handlers`', 'c.mjs', 'export const handlers = { work: (data) => data + 1 };'],
      ['CommonJS', 'd.cjs', 'exports.work = (data) => data + 1;'],
      [
        'TypeScript',
        'e.mts',
        'enum By { One = 1 }\nexport const work = (data: number): number => data + By.One;'
      ]
    ])('may be %s', async (_, file, text) => {
      const { executor, reports } = await startExecutor(writeModule(file, text));
      expect([...executor.types!]).toEqual(['work']);
      executor.dispatch([attemptOf(1, 'work', 1)]);
      expect((await reports.first('settled', 1)).outcome).toEqual({ status: 'completed', result: '2' });
    });

    it.each<[what: string, text: string | null, message: string, cause: object]>([
      ['is not there', null, 'Cannot find module', { code: 'ERR_MODULE_NOT_FOUND' }],
      ['exports no handlers', 'export const work = 1;', 'it exports no handlers', {}],
      [
        'throws at import',
        "throw Object.assign(new RangeError('no disk'), { code: 'E_DISK' });",
        'RangeError: no disk',
        { name: 'RangeError', message: 'no disk', code: 'E_DISK' }
      ],
      ['cannot be parsed', 'export const = 1;', 'SyntaxError', { name: 'SyntaxError' }],
      ['ends what loads it', 'process.exit(7);', 'what loads it ended with code 7', {}]
    ])('that %s fails the start, with the cause', async (_, text, message, cause) => {
      const url = text === null ? new URL('file:///nowhere.mjs') : writeModule('bad.mjs', text);
      const fleet = new FleetManager({ executor: make({ module: url }) });
      const error = await fleet.start().then(
        () => null,
        (thrown: unknown) => thrown as Error & { module: string }
      );
      expect(error).toMatchObject({
        name: 'HandlerModuleError',
        code: 'ERR_HANDLER_MODULE',
        module: url.href
      });
      expect(error!.message).toContain(message);
      expect(error!.cause ?? {}).toMatchObject(cause);
    });

    it('that never ends loading is given up by a stop', async () => {
      const executor = make({
        module: writeModule('slow.mjs', 'await new Promise((r) => setTimeout(r, 1e9));')
      });
      const started = executor.start(new RecordedReports());
      await executor.stop();
      await expect(started).rejects.toMatchObject({
        code: 'ERR_HANDLER_MODULE',
        message: expect.stringContaining('stopped before it was loaded') as string
      });
    });

    it.each<[what: string, options: unknown, argument: string, allowed: RegExp]>([
      [
        'functions',
        { module: { work: () => 1 } },
        '.module',
        /functions cannot cross into a thread or process/
      ],
      [
        'functions as handlers',
        { handlers: { work: () => 1 } },
        '.handlers',
        /which exports them: functions cannot/
      ],
      ['a path', { module: './handlers.js' }, '.module', /URL of a module/],
      ['no module', {}, '.module', /URL of a module/],
      ['no options', undefined, '', /an object/],
      ['unreadable', unreadable(), '', /readable/],
      ['a module that cannot be read', { module: unreadable() }, '.module', /URL of a module/],
      ['a misspelt option', { module, modul: 1 }, '.modul', /one of module/],
      ['no function to decide', { module, shouldRetry: true }, '.shouldRetry', /a function/],
      ['another policy', { module, onDetachedError: 'ignore' }, '.onDetachedError', /isolate, exit/],
      ['no heap', { module, maxOldGenerationSizeMb: 0 }, '.maxOldGenerationSizeMb', /an integer from 1/],
      ['half a heap', { module, maxOldGenerationSizeMb: 1.5 }, '.maxOldGenerationSizeMb', /an integer/]
    ])('is refused when it is %s', (_, options, argument, allowed) => {
      const attempt = (): unknown => make(options as IsolatedOptions);
      expect(attempt).toThrow(
        expect.objectContaining({ code: 'ERR_VALIDATION', argument: `${name}${argument}` })
      );
      expect(attempt).toThrow(allowed);
    });
  });

  describe(`${name}: nothing is left behind`, () => {
    const schemas = new URL('schemas.ts', import.meta.url);

    it('by a fleet that was stopped, whatever runs or is validated in it', async () => {
      const before = resources();
      const fleet = new FleetManager({
        executor: make({ module: schemas }),
        config: { maxConcurrentWorkers: 2 }
      });
      await fleet.start();
      const progress = fleet.events({ types: ['task.progress'] });
      await fleet.submitAsync('block', null);
      await progress.next();
      const asked = fleet.submitAsync('obey', 'hang');
      await Promise.all([
        fleet.stop({ graceful: false }),
        expect(asked).rejects.toThrow('it failed: what validates ')
      ]);
      await settled();
      expect(leftSince(before)).toEqual([]);
    });

    it.each<[what: string, url: URL, store: object, told: string]>([
      ['without its store', schemas, { open: () => Promise.reject(new Error('no disk')) }, 'no disk'],
      ['without its module', new URL('file:///nowhere.mjs'), {}, 'Cannot find module'],
      ['on a module that is none', new URL('data:text/javascript,process.exit(7)'), {}, 'ended with code 7']
    ])('by a fleet that could not start %s', async (_, url, store, told) => {
      const before = resources();
      const fleet = new FleetManager({
        executor: make({ module: url }),
        store: { ...memoryStore(), ...store }
      });
      await expect(fleet.start()).rejects.toThrow(told);
      await settled();
      expect(leftSince(before)).toEqual([]);
    });

    it('by a fleet that is stopped while it starts', async () => {
      const before = resources();
      const fleet = new FleetManager({ executor: make({ module: schemas }) });
      const started = fleet.start();
      // From then on there is something to stop.
      while (leftSince(before).length === 0) await settled();
      await Promise.all([fleet.stop({ graceful: false }), expect(started).rejects.toThrow(/./)]);
      await settled();
      expect(leftSince(before)).toEqual([]);
    });
  });

  async function startFleet(
    config: Partial<FleetConfig> = {},
    options: Partial<IsolatedOptions> = {},
    clock: Clock = systemClock
  ) {
    const fleet = new FleetManager({
      clock,
      executor: make({ module, ...options }),
      config: {
        retry: { baseMs: 1, maxMs: 1, factor: 1, jitter: 'none' },
        maxConcurrentWorkers: 1,
        ...config
      }
    });
    onTestFinished(() => fleet.stop({ timeoutMs: 0 }));
    await fleet.start();
    return fleet;
  }

  async function startExecutor(url = module) {
    const executor = make({ module: url });
    const reports = new RecordedReports();
    onTestFinished(() => executor.stop());
    await executor.start(reports);
    await executor.startWorker('w1');
    return { executor, reports };
  }
}

function writeModule(file: string, text: string): URL {
  const directory = mkdtempSync(join(tmpdir(), 'xstate-fleet-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, file), text);
  return pathToFileURL(join(directory, file));
}
