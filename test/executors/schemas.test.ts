import { describe, expect, it, onTestFinished } from 'vitest';
import { inProcess } from '../../src/executors/inProcess.ts';
import { FleetManager, limits, processes, threads, ValidationError } from '../../src/index.ts';
import { settled, SimulatedClock } from '../harness.ts';
import { describeSchemas, rejection } from './schemaContract.ts';
import * as handlers from './schemas.ts';

const module = new URL('schemas.ts', import.meta.url);

describeSchemas('inProcess', () => inProcess(handlers));
describeSchemas('threads', () => threads({ module }));
describeSchemas('processes', () => processes({ module }));

describe.each([
  ['threads', threads],
  ['processes', processes]
])('%s: the schema of a handler', (_, make) => {
  it('is asked in an isolate of its own, while a handler blocks every worker', async () => {
    const { fleet } = await startFleet();
    const progress = fleet.events({ types: ['task.progress'] });
    await fleet.submitAsync('block', null);
    await progress.next();
    const { data } = await fleet.submitAsync('double', 100);
    expect(data).toBe(200);
  });

  it('costs no attempt when it ends its isolate, and is asked in another one then', async () => {
    const { fleet } = await startFleet();
    const error = await rejection(fleet.submitAsync('obey', 'exit'));
    expect(error).toBeInstanceOf(ValidationError);
    expect(error.message).toMatch(/it failed: what validates ended with code 5$/);
    expect(error.cause).toBeInstanceOf(Error);
    expect(await fleet.submit('double', 100)).toBe(200);
    expect(await fleet.getStats()).toMatchObject({ lostAttempts: 0, activeWorkers: 0 });
    expect((await fleet.getWorkers()).map(({ id }) => id)).toEqual(['worker-1']);
  });

  it.each(['hang', 'block'])('that does not answer is waited for up to a limit: %s', async (data) => {
    const { fleet, clock } = await startFleet();
    const submitted = rejection(fleet.submitAsync('obey', data));
    await settled();
    await clock.advance(limits.schemaMs);
    expect((await submitted).cause).toMatchObject({ code: 'ERR_TIMEOUT' });
    // What blocks there blocks no handler.
    expect(await fleet.submit('plain', 'next')).toBe('next');
  });

  it('is told what is given, not what it becomes afterwards', async () => {
    const { fleet } = await startFleet();
    await rejection(fleet.submitAsync('obey', 'exit'));
    const data = { url: 'https://x.test/', at: new Date(0), width: 1 };
    const submitted = fleet.submitAsync('resize', data);
    data.width = 2;
    expect(await submitted).toMatchObject({ data: { width: 1 } });
  });

  it('is not asked about what does not survive the way to it', async () => {
    const { fleet } = await startFleet();
    const unreadable = {
      get a() {
        throw new Error('hands off');
      }
    };
    for (const [data, told] of [
      [{ a: [() => 1] }, 'a function does not survive'],
      [Symbol('x'), 'a symbol does not survive'],
      [new Map([['a', new Set([new URL('a:b')])]]), 'an object of class URL does not survive'],
      [[Buffer.from('a')], 'an object of class Buffer does not survive'],
      [new Proxy({}, {}), 'could not be cloned'],
      [unreadable, 'hands off'],
      [nested(100_000), 'call stack']
    ]) {
      const error = await rejection(fleet.submitAsync('resize', data));
      expect(error).toMatchObject({ code: 'ERR_VALIDATION', argument: 'options.data' });
      expect(error.message).toContain(told);
      expect(error.cause).toBeInstanceOf(Error);
    }
  });

  it('that is none makes the module unfit', async () => {
    const broken = new URL('data:text/javascript,export const a = Object.assign(() => 1, { schema: {} });');
    const fleet = new FleetManager({ executor: make({ module: broken }) });
    await expect(fleet.start()).rejects.toMatchObject({
      code: 'ERR_HANDLER_MODULE',
      cause: { code: 'ERR_VALIDATION' }
    });
  });

  it('is asked about what is submitted while the fleet starts', async () => {
    const fleet = new FleetManager({ executor: make({ module }), config: { maxConcurrentWorkers: 1 } });
    onTestFinished(() => fleet.stop());
    for (let round = 0; round < 2; round++) {
      const started = fleet.start();
      const refused = fleet.submitBatch([{ id: 'a', type: 'double', data: 'x' }]);
      expect((await rejection(refused)).argument).toBe('tasks[0].data');
      await started;
      expect(await fleet.submit('double', 100)).toBe(200);
      await fleet.stop();
    }
  });

  it('is unheard of before the start and after the stop, which take no task', async () => {
    const fleet = new FleetManager({ executor: make({ module }), config: { maxConcurrentWorkers: 1 } });
    const submissions = () => [
      fleet.submitAsync('double', 'x'),
      fleet.submitBatch([{ id: 'a', type: 'double', data: 'x' }]),
      fleet.schedule('s', { everyMs: 1_000 }, { type: 'double', data: 'x' })
    ];
    for (const submitted of submissions()) expect(await rejection(submitted)).toMatchObject(notRunning);
    await fleet.start();
    for (const submitted of submissions()) {
      expect(await rejection(submitted)).toMatchObject({ code: 'ERR_VALIDATION' });
    }
    await fleet.stop();
    for (const submitted of submissions()) expect(await rejection(submitted)).toMatchObject(notRunning);
  });

  async function startFleet() {
    const clock = new SimulatedClock();
    const fleet = new FleetManager({
      clock,
      executor: make({ module }),
      config: { maxConcurrentWorkers: 1 }
    });
    onTestFinished(() => fleet.stop({ graceful: false }));
    await fleet.start();
    return { fleet, clock };
  }
});

const notRunning = { code: 'ERR_NOT_RUNNING' };

function nested(levels: number): unknown {
  let value: unknown = 0;
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}
