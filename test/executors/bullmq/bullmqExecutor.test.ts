import { describe, expect, it } from 'vitest';
import { attemptOf } from '../reports.ts';
import { sharedRedis } from './redisServer.ts';
import { RemoteSide } from './remoteSide.ts';

const redis = sharedRedis();

describe('a fleet with remote workers', () => {
  it('is told who has joined, dispatches to it, and hears the outcome', async ({ skip }) => {
    const side = new RemoteSide(redis.url(skip));
    await side.executor.start(side.reports);
    const worker = await side.join({ concurrency: 2, tags: ['gpu'], types: ['echo'] });
    expect(side.reports.of('joined')).toEqual([
      {
        type: 'joined',
        worker: { workerId: worker.workerId, concurrency: 4, tags: ['gpu'], types: ['echo'], problem: null }
      }
    ]);
    side.executor.dispatch([attemptOf(1, 'echo', { a: [1, 'é', null] }, { workerId: worker.workerId })]);
    const { outcome } = await side.reports.first('settled', 1);
    expect(outcome).toEqual({ status: 'completed', result: '{"a":[1,"é",null]}' });
  });
});
