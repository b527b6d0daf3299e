import { EventEmitter } from 'node:events';
import { setImmediate as soon, setTimeout as wait } from 'node:timers/promises';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { HandlerContext } from '../../src/index.ts';
import { gate, settled, startFleet } from '../harness.ts';
import { silenceRunner } from './errorListeners.ts';
import { runProcess } from './process.ts';

/** The facts that tell of it. */
const ofDetached = { types: ['task.detachedError'] } as const;

/** Ways to throw where nobody waits. */
const detached: [how: string, begin: () => void][] = [
  ['a promise that is forgotten', () => void Promise.reject(new Error('stray'))],
  ['an async function that is not awaited', () => void soon().then(stray)],
  [
    'a promise far down a chain',
    () =>
      void Promise.resolve()
        .then(() => wait(1))
        .then(() => soon())
        .then(stray)
  ],
  ['a timer', () => void setTimeout(stray, 1)],
  ['an immediate', () => void setImmediate(stray)],
  ['a tick', () => process.nextTick(stray)],
  [
    'an emitter whose error nobody takes',
    () => void setImmediate(() => new EventEmitter().emit('error', new Error('stray')))
  ]
];

describe('what detached code of a handler throws', () => {
  beforeEach(() => onTestFinished(silenceRunner()));

  it.each(detached)('fails the attempt that still runs: %s', async (_, begin) => {
    const signals: AbortSignal[] = [];
    const { fleet, clock } = await startFleet({
      handlers: {
        careless: (_data: null, { signal }: HandlerContext): Promise<never> => {
          signals.push(signal);
          begin();
          return new Promise(() => {});
        },
        echo: (data: unknown) => data
      }
    });
    const told = fleet.events(ofDetached);
    const { key } = await fleet.submitAsync('careless', null, { maxRetries: 1 });
    const result = fleet.waitFor(key);
    result.catch(() => {});
    const facts = [await nextOf(told)];
    await clock.advance(1_000);
    facts.push(await nextOf(told));

    await expect(result).rejects.toMatchObject({
      code: 'ERR_TASK_FAILED',
      result: { attempts: 2, error: 'stray', failure: { name: 'Error', message: 'stray', retryable: true } }
    });
    expect(facts).toMatchObject([
      { key, attempt: 1, hasFailed: true, error: { message: 'stray' } },
      { key, attempt: 2, hasFailed: true, error: { message: 'stray' } }
    ]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(await fleet.submit('echo', 'still there')).toBe('still there');
    await fleet.stop();
  });

  it('is its own attempt’s alone, of many that run', async () => {
    const held = gate();
    const { fleet } = await startFleet({
      handlers: {
        work: async (index: number): Promise<number> => {
          await soon();
          if (index === 7) void Promise.reject(new Error('stray'));
          await held.promise;
          return index;
        }
      },
      config: { maxConcurrentWorkers: 20 }
    });
    const told = fleet.events(ofDetached);
    const batchId = await fleet.submitBatch(
      Array.from({ length: 20 }, (_, index) => ({
        id: `${index}`,
        type: 'work' as const,
        data: index,
        maxRetries: 0
      }))
    );
    await nextOf(told);
    held.open();

    expect(await fleet.waitForBatch(batchId)).toMatchObject({ completedTasks: 19, failedTasks: 1 });
    const failed = await fleet.getBatchResults(batchId, { success: false });
    expect(failed).toMatchObject([{ taskId: '7', error: 'stray' }]);
    // What the handler returned after all came too late.
    await settled();
    expect(await fleet.getStats()).toMatchObject({ lateOutcomes: 1 });
    await fleet.stop();
  });

  it.each(detached)('is counted, told and once a warning when its attempt is over: %s', async (_, begin) => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { fleet } = await startFleet({
      handlers: {
        hasty: (index: number) => {
          begin();
          return index;
        }
      }
    });
    const told = fleet.events(ofDetached);
    expect(await fleet.submit('hasty', 1, { id: 'first' })).toBe(1);
    const facts = [await nextOf(told)];
    expect(await fleet.submit('hasty', 2, { id: 'second' })).toBe(2);
    facts.push(await nextOf(told));
    await settled();

    expect(facts).toMatchObject([
      { key: 'first', attempt: 1, hasFailed: false, error: { message: 'stray' } },
      { key: 'second', attempt: 1, hasFailed: false, error: { message: 'stray' } }
    ]);
    expect(await fleet.getStats()).toMatchObject({ completedTasks: 2, failedTasks: 0, lateOutcomes: 2 });
    expect(warn.mock.calls).toEqual([[expect.stringMatching(/task "first" .*"Error" "stray"/)]]);
    await fleet.stop();
  });

  it('is a warning in one line that no terminal obeys', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { fleet } = await startFleet({
      handlers: {
        hasty: () => {
          const error = Object.assign(new Error('\u001b[2J\r\nall is well \u009b2J'), {
            name: '\u001b]0;x\u0007'
          });
          void Promise.reject(error);
        }
      }
    });
    const told = fleet.events(ofDetached);
    await fleet.submit('hasty', null, { id: 'a\u202eb' });
    await nextOf(told);

    expect(String(warn.mock.calls[0]?.[0])).not.toMatch(/[\p{Cc}\u202e]/u);
    await fleet.stop();
  });

  it('because the stop aborts it harms nobody', async () => {
    vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { fleet } = await startFleet({
      handlers: {
        careless: (_: null, { signal }: HandlerContext): Promise<never> => {
          void wait(60_000, undefined, { signal });
          return new Promise(() => {});
        }
      }
    });
    const { key } = await fleet.submitAsync('careless', null);
    await settled();
    await fleet.stop({ graceful: false });

    expect(await fleet.getTask(key)).toMatchObject({ status: 'queued' });
  });

  it('is listened for only while a fleet runs', async () => {
    const { fleet } = await startFleet({ handlers: { echo: (data: unknown) => data } });
    const other = await startFleet({ handlers: { echo: (data: unknown) => data } });
    expect(listeners()).toEqual([1, 1]);
    await fleet.stop();
    expect(listeners()).toEqual([1, 1]);
    await other.fleet.stop();
    expect(listeners()).toEqual([0, 0]);
    await fleet.start();
    expect(listeners()).toEqual([1, 1]);
    await fleet.stop();
    expect(listeners()).toEqual([0, 0]);
  });

  it('is not listened for where it may end the process', async () => {
    const { fleet } = await startFleet({
      handlers: { echo: (data: unknown) => data },
      onDetachedError: 'exit'
    });
    expect(listeners()).toEqual([0, 0]);
    await fleet.stop();
  });
});

describe('an error that is not of a handler', () => {
  it.each<[what: string, scenario: string, message: string]>([
    ['a forgotten promise of the app', 'rejection of the app', 'of the app'],
    ['a timer of the app', 'timer of the app', 'of the app'],
    ['a subscriber of the fleet', 'rejection of a subscriber', 'of a subscriber'],
    ['a subscriber that a handler’s log calls', 'rejection of a subscriber of logs', 'of a subscriber'],
    [
      'a subscriber that hears what a handler’s event did',
      'rejection of a subscriber of a handler’s event',
      'of a subscriber'
    ],
    ['a handler whose errors may end the process', 'rejection of a handler that may exit', 'of a handler']
  ])('ends the process as if there were no fleet: %s', async (_, scenario, message) => {
    const { code, errors, output } = await runProcess(scenario);

    expect({ code, output }).toEqual({ code: 1, output: '' });
    expect(errors).toContain(`Error: ${message}`);
  });

  it('is heard by the listener of the app, which may go on', async () => {
    const { code, output } = await runProcess('listener of the app');
    expect({ code, output }).toEqual({
      code: 0,
      output: 'heard of the app\nheard of the timer\nstill there\n'
    });
  });

  it('is what Node was told to make of it, and those of handlers are told apart afterwards too', async () => {
    const { code, output, errors } = await runProcess(
      'rejection that is a warning',
      '--unhandled-rejections=warn'
    );
    expect({ code, output }).toEqual({ code: 0, output: 'failed: of a handler\n' });
    expect(errors).toContain('UnhandledPromiseRejectionWarning: Error: of the app');
  });
});

it('a fleet that was stopped leaves no timer, socket, thread or listener, whatever its handlers did', async () => {
  const { code, output, errors } = await runProcess('stop');
  expect({ code, output }).toEqual({ code: 0, output: 'left: nothing\n' });
  // The one thing that is told of what the handler left behind.
  expect(errors).toMatch(/Warning: Code that the handler of task .* left behind threw/);
});

function listeners(): number[] {
  return [process.listenerCount('uncaughtException'), process.listenerCount('unhandledRejection')];
}

async function nextOf(facts: AsyncIterator<unknown>): Promise<unknown> {
  return (await facts.next()).value as unknown;
}

function stray(): never {
  throw new Error('stray');
}
