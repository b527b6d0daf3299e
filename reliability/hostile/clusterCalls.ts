import { setTimeout as sleep } from 'node:timers/promises';
import { TaskQueue, WorkerPool } from '../../src/index.ts';
import { putHandler, reading, type Call } from './call.ts';
import { difference, taskOptions, type GoodTask } from './goodTasks.ts';
import { anyJson, firstReadings } from './values.ts';

/** Far above what a look at the queue takes. */
const longestWaitMs = 100;

/** Calls of what stands beside the fleet: the queue, the pool, the registries. */
export const clusterCalls: readonly Call[] = [
  {
    name: 'queue.enqueue',
    arguments: (random, id) => ['echo', anyJson(random, 3), { ...taskOptions(random), id }],
    run: ({ queue }, args) => queue.enqueue(...(args as Parameters<typeof queue.enqueue>)),
    check: async ({ queue }, [type, data, options], { key }: { key: string }) => {
      const view = await queue.getTask(key);
      await queue.cancel(key);
      const read = firstReadings.get(Object(options) as object) ?? options ?? {};
      const { id = key, ...given } = read as Partial<GoodTask>;
      return difference({ ...given, id, type, data } as GoodTask, view as unknown as GoodTask);
    }
  },
  reading(
    'queue.dequeue',
    (id) => [id, { types: ['none', 'other'], timeoutMs: 0 }],
    // Without a limit it waits for ever, as it is asked to.
    ({ queue }, [workerId, options]) => Promise.race([queue.dequeue(workerId, options), sleep(longestWaitMs)])
  ),
  reading(
    'queue.complete',
    (id) => [{ key: id, attempt: 1 }, { done: true }] as unknown[],
    ({ queue }, [lease, result]) => queue.complete(lease, result)
  ),
  {
    name: 'queue.fail',
    arguments: (_, id) => [{ key: id, attempt: 1 }, { message: 'no' }, { retryable: false }],
    run: ({ queue }, args) => queue.fail(...(args as Parameters<typeof queue.fail>))
  },
  reading(
    'queue.extend',
    (id) => [{ key: id, attempt: 1 }],
    ({ queue }, [lease]) => queue.extend(lease)
  ),
  reading(
    'queue.waitForTask',
    (id) => [id, { timeoutMs: 1 }],
    ({ queue }, [id, options]) => queue.waitForTask(id, options)
  ),
  reading(
    'queue.listDeadLetters',
    () => [{ limit: 1, after: 0 }],
    ({ queue }, [filter]) => queue.listDeadLetters(filter)
  ),
  reading(
    'queue.retryDeadLetter',
    (id) => [id, { id: `${id}-2` }],
    ({ queue }, [id, options]) => queue.retryDeadLetter(id, options)
  ),
  {
    name: 'new TaskQueue',
    arguments: () => [
      { name: 'other', maxQueueSize: 5, leaseMs: 1_000, retry: { baseMs: 1 }, maxRetries: 1 }
    ],
    run: async (_, [options]) => new TaskQueue(options as never)
  },
  {
    name: 'new WorkerPool',
    arguments: () => [
      {
        name: 'other',
        minWorkers: 1,
        maxWorkers: 3,
        handlers: { echo: 1 },
        autoscale: { scaleUpThreshold: 5, intervalMs: 1_000 },
        config: { maxRetries: 1 }
      }
    ],
    run: async (_, [options]) => {
      putHandler(options);
      return new WorkerPool(options as never);
    }
  },
  {
    name: 'workers.register',
    arguments: (_, id) => [{ id, status: 'busy', tags: ['a', 'b'], host: 'here' }],
    run: async ({ workers }, [info]) => workers.register(info as never),
    check: async ({ workers }, _, { id }: { id: string }) => {
      const worker = workers.get(id);
      return workers.unregister(id) && worker?.id === id ? null : 'the worker';
    }
  },
  {
    name: 'workers.heartbeat',
    arguments: (_, id) => [id, { status: 'idle', tags: ['a'] }],
    run: async ({ workers }, [id, change]) => workers.heartbeat(id as string, change as never)
  },
  {
    name: 'workers.getWorkers',
    arguments: () => [{ status: 'idle', tags: ['a'] }],
    run: async ({ workers }, [filter]) => workers.getWorkers(filter as never)
  },
  {
    name: 'agents.get',
    arguments: (_, id) => [id],
    run: ({ agents }, [name]) => agents.FLEET.get(name as string),
    check: async ({ agents }, [name]) =>
      (await agents.FLEET.delete(name as string)) ? null : 'to be found when it was deleted'
  },
  {
    name: 'agents.delete',
    arguments: (_, id) => [id],
    run: ({ agents }, [name]) => agents.FLEET.delete(name as string)
  }
];
