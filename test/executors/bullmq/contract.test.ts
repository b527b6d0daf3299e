import { beforeAll, describe } from 'vitest';
import { compiledFolder } from '../../../reliability/compiled.ts';
import { bullmqExecutor } from '../../../src/executors/bullmq.ts';
import { needing } from '../../missing.ts';
import { ServerUnavailableError } from '../../servers/program.ts';
import { startRedis } from '../../servers/redis.ts';
import { describeRemoteExecutor } from '../remoteContract.ts';
import { WorkerProcess } from './remoteSide.ts';

const server = await startRedis({ mayFetch: false }).catch((error: unknown) => {
  if (error instanceof ServerUnavailableError) return error.message;
  throw error;
});
let lastFleet = 0;

// It blocks the event loop, which no test of connections is to see.
beforeAll(() => {
  compiledFolder();
  return async () => void (typeof server === 'object' && (await server.stop()));
});

describe('over BullMQ', needing(typeof server === 'string' ? server : null), () => {
  describeRemoteExecutor('an executor whose workers are processes elsewhere', () => {
    const { url } = server as Exclude<typeof server, string>;
    const fleet = `contract-${process.pid}-${++lastFleet}`;
    return Promise.resolve({
      connect: () => bullmqExecutor({ url, fleet, pollMs: 100 }),
      async startProcess(options = {}) {
        const worker = new WorkerProcess({ url, fleet, heartbeatMs: 300, ...options });
        const workerId = (await worker.printed(/joined (\S+)/))[1]!;
        return {
          workerId,
          async drain() {
            worker.kill('SIGTERM');
            await worker.exited;
          },
          async kill() {
            worker.kill('SIGKILL');
            await worker.exited;
          }
        };
      },
      // What is left of them ends with its test.
      close: () => Promise.resolve()
    });
  });
});
