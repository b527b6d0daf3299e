import { afterEach, describe, expect, it } from 'vitest';
import { AttemptDesk } from '../../../src/executors/bullmq/attemptDesk.ts';
import type { WorkerNews } from '../../../src/executors/bullmq/protocol.ts';
import type { Handlers } from '../../../src/handlers/handler.ts';
import { HandlerRegistry } from '../../../src/handlers/handlerRegistry.ts';
import { withSchema } from '../../../src/submission/schema.ts';
import { gate } from '../../harness.ts';
import { attemptOf } from '../reports.ts';

const cause = { kind: 'cancelled', message: 'not wanted' } as const;
const aborted = { status: 'failed', error: { name: 'AbortError', message: 'not wanted', retryable: true } };

describe('an attempt at the desk of a worker', () => {
  let desk: AttemptDesk;
  afterEach(() => desk.stop());

  async function startDesk(handlers: Handlers): Promise<void> {
    desk = new AttemptDesk({
      handlers: new HandlerRegistry(handlers),
      shouldRetry: () => true,
      onDetachedError: 'exit',
      tell: (_, news: WorkerNews) => expect.fail(`It told ${news.type}`)
    });
    await desk.start();
  }

  it('never has its handler called where it is aborted in the turn in which it comes', async () => {
    const called: unknown[] = [];
    await startDesk({ note: (data) => void called.push(data) });
    const attempt = attemptOf(1, 'note', 'first');
    const ended = desk.run(attempt);
    desk.abort(attempt, cause);
    expect(await ended).toEqual(aborted);
    expect(await desk.run(attemptOf(2, 'note', 'second'))).toMatchObject({ status: 'completed' });
    expect(called).toEqual(['second']);
  });

  it('ends at once where it is aborted while its schema is asked, whatever that answers later', async () => {
    const [called, asked, answer] = [[] as unknown[], gate(), gate()];
    const schema = {
      version: 1,
      vendor: 'test',
      validate: async (data: unknown) => {
        asked.open();
        await answer.promise;
        return { value: data };
      }
    } as const;
    await startDesk({ note: withSchema({ '~standard': schema }, (data) => void called.push(data)) });
    const attempt = attemptOf(1, 'note', 'first');
    const ended = desk.run(attempt);
    await asked.promise;
    desk.abort(attempt, cause);
    expect(await ended).toEqual(aborted);
    answer.open();
    expect(await desk.run(attemptOf(2, 'note', 'second'))).toMatchObject({ status: 'completed' });
    expect(called).toEqual(['second']);
  });

  it('hears of an abort while its handler runs', async () => {
    const begun = gate();
    await startDesk({
      obey: (_, { signal }) => {
        begun.open();
        return new Promise((resolve) =>
          signal.addEventListener('abort', () => resolve((signal.reason as Error).message))
        );
      }
    });
    const attempt = attemptOf(1, 'obey', null);
    const ended = desk.run(attempt);
    await begun.promise;
    desk.abort(attempt, cause);
    expect(await ended).toEqual({ status: 'completed', result: '"not wanted"' });
  });
});
