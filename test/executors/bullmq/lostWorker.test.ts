import { beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { compiledFolder } from '../../../reliability/compiled.ts';
import { FleetManager, type FleetFact } from '../../../src/index.ts';
import { sharedRedis } from './redisServer.ts';
import { RemoteSide } from './remoteSide.ts';

const redis = sharedRedis();

// It blocks the event loop, which no test of connections is to see.
beforeAll(() => void compiledFolder());

it('charges a task once for a worker that was killed, and gives that worker nothing more', async ({
  skip
}) => {
  const side = new RemoteSide(redis.url(skip));
  const fleet = new FleetManager({ executor: side.executor });
  onTestFinished(() => fleet.stop({ graceful: false }));
  await fleet.start();
  const [running, lost] = [told(fleet, 'task.progress'), told(fleet, 'worker.lost')];
  const batchId = await fleet.submitBatch([
    { id: 'a', type: 'hang', data: null },
    { id: 'b', type: 'hang', data: null }
  ]);
  // It runs the first, and the second waits in its queue.
  const worker = side.spawn({ concurrency: 1 });
  await running;
  worker.kill('SIGKILL');
  await lost;

  await vi.waitFor(async () => {
    const tasks = await fleet.listTasks({ batchId });
    expect(tasks.map(({ status, attempts }) => [status, attempts])).toEqual([
      ['queued', 1],
      ['queued', 1]
    ]);
  });
  expect((await fleet.getStats()).lostAttempts).toBe(1);
});

function told(fleet: FleetManager, type: FleetFact['type']): Promise<void> {
  return new Promise((resolve) => void fleet.on(type, () => resolve()));
}
