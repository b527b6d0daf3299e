import { FleetManager, type FleetFact } from '../../src/index.ts';
import type { HostileFleet } from './hostileFleet.ts';
import { putHandler, reading, type Call } from './call.ts';
import { clusterCalls } from './clusterCalls.ts';
import { difference, taskOptions, tasks, type GoodTask } from './goodTasks.ts';
import { sameData } from './sameData.ts';
import { scheduleCalls } from './scheduleCalls.ts';
import { anyJson, firstReadings } from './values.ts';

const states: FleetFact['type'][] = ['batch.settled', 'task.settled'];

/** Every call that takes something from a caller. */
export const calls: readonly Call[] = [
  ...scheduleCalls,
  ...clusterCalls,
  {
    name: 'submitBatch(array)',
    arguments: (random, id) => [tasks(random), { batchId: id, metadata: anyJson(random, 2) }],
    run: ({ api }, args) => api.submitBatch(...(args as Parameters<typeof api.submitBatch>)),
    check: ({ api }, [given, options], batchId) => checkBatch(api, given, options, batchId)
  },
  {
    name: 'submitBatch(iterable)',
    arguments: (random, id) => [tasks(random), { batchId: id }],
    run: ({ api }, [given, options]) => api.submitBatch(iterableOf(given) as never, options as never),
    check: ({ api }, [given, options], batchId) => checkBatch(api, given, options, batchId)
  },
  {
    name: 'submitAsync',
    arguments: (random, id) => ['echo', anyJson(random, 3), { ...taskOptions(random), id }],
    run: ({ api }, args) => api.submitAsync(...(args as Parameters<typeof api.submitAsync>)),
    check: async ({ api }, [type, data, options], { key }: { key: string }) => {
      const view = await api.getTask(key);
      await api.cancelTask(key);
      const read = firstReadings.get(Object(options) as object) ?? options ?? {};
      const { id = key, ...given } = read as Partial<GoodTask>;
      return difference({ ...given, id, type, data } as GoodTask, view as unknown as GoodTask);
    }
  },
  {
    name: 'updateConfig',
    arguments: (random) => [
      {
        maxConcurrentWorkers: random.integer(1, 5),
        maxRetries: 1,
        workerTimeout: 1_000.5,
        tasksPerWorker: Infinity,
        onQueueFull: 'reject',
        retry: { baseMs: 1, factor: 2, maxMs: 1_000, jitter: 'none' }
      }
    ],
    run: ({ api }, args) => api.updateConfig(...(args as Parameters<typeof api.updateConfig>)),
    check: async ({ api, config }, [patch]) => {
      const now = api.actor.getSnapshot().context.config as unknown as Record<string, unknown>;
      await api.updateConfig(config);
      for (const [field, value] of Object.entries(patch as object)) {
        if (value === undefined || field === 'retry') continue;
        if (now[field] !== (value === Infinity ? null : value)) return `config.${field}`;
      }
      return null;
    }
  },
  {
    name: 'coordinator.submitResult',
    arguments: (random, id) => [
      'worker',
      { taskId: id, success: true, result: anyJson(random, 2), duration: 1, timestamp: 1, attempts: 1 }
    ],
    run: ({ api }, args) => api.coordinator.submitResult(...(args as [string, never])),
    check: async ({ api }, [workerId, given]) => {
      const { taskId, result } = given as { taskId: string; result: unknown };
      const [entry] = await api.coordinator.getResults({ limit: 1 });
      if (entry?.workerId !== workerId) return 'workerId';
      if (entry?.result.taskId !== taskId) return 'taskId';
      return sameData(result, entry.result.result) ? null : 'result';
    }
  },
  {
    name: 'coordinator.updateMetadata',
    arguments: (random, id) => {
      const value = anyJson(random, 2);
      // All of it together has to stay below 64 KiB.
      return [{ [id]: JSON.stringify(value).length < 10_000 ? value : 'long' }];
    },
    run: ({ api }, args) => api.coordinator.updateMetadata(...(args as [never])),
    check: async ({ api }, [patch]) => {
      const metadata = await api.coordinator.getMetadata();
      const fields = Object.keys(patch as object);
      await api.coordinator.updateMetadata(Object.fromEntries(fields.map((field) => [field, undefined])));
      const given = (firstReadings.get(patch as object) ?? patch) as Record<string, unknown>;
      for (const field of fields) if (!sameData(given[field], metadata[field])) return field;
      return null;
    }
  },
  {
    name: 'scaleWorkers',
    arguments: (random) => [random.integer(1, 5)],
    run: ({ api }, [count]) => api.scaleWorkers(count as number)
  },
  {
    name: 'new FleetManager',
    arguments: () => [
      {
        name: 'other',
        handlers: { echo: 1 },
        config: { maxRetries: 1 },
        retry: { baseMs: 1 },
        onDetachedError: 'exit'
      }
    ],
    run: async (_, [options]) => {
      putHandler(options);
      return new FleetManager(options as never);
    }
  },
  reading(
    'getBatchStatus',
    (id) => [id],
    ({ api }, [id]) => api.getBatchStatus(id)
  ),
  reading(
    'getBatchResults',
    (id) => [id, { success: true, limit: 1, offset: 0 }],
    ({ api }, [id, filter]) => api.getBatchResults(id, filter)
  ),
  reading(
    'streamBatchResults',
    (id) => [id, { afterSettledSeq: 0 }],
    ({ api }, [id, options]) => api.streamBatchResults(id, options).next()
  ),
  reading(
    'waitForBatch',
    (id) => [id, { timeoutMs: 1 }],
    ({ api }, [id, options]) => api.waitForBatch(id, options)
  ),
  reading(
    'waitFor',
    (id) => [{ batchId: id, id: 'a' }, { timeoutMs: 1 }],
    ({ api }, [ref, options]) => api.waitFor(ref, options)
  ),
  reading(
    'getTask',
    (id) => [`${id}/a`],
    ({ api }, [ref]) => api.getTask(ref)
  ),
  reading(
    'getTaskSnapshot',
    (id) => [{ batchId: id, id: 'a' }],
    ({ api }, [ref]) => api.getTaskSnapshot(ref)
  ),
  reading(
    'listTasks',
    (id) => [{ batchId: id, status: 'queued', type: 'echo', limit: 2, after: 0 }],
    ({ api }, [filter]) => api.listTasks(filter)
  ),
  reading(
    'listBatches',
    (id) => [{ status: 'pending', limit: 2, after: id }],
    ({ api }, [filter]) => api.listBatches(filter)
  ),
  reading(
    'coordinator.getResults',
    () => [{ workerId: 'w', success: true, taskType: 'echo', since: 1, until: 2, limit: 1, offset: 0 }],
    ({ api }, [filter]) => api.coordinator.getResults(filter)
  ),
  reading(
    'coordinator.getResultsByWorker',
    () => ['w', 1],
    ({ api }, [workerId, limit]) => api.coordinator.getResultsByWorker(workerId, limit)
  ),
  reading(
    'coordinator.getHourlyStats',
    () => [{ since: 1, until: 2 }],
    ({ api }, [filter]) => api.coordinator.getHourlyStats(filter)
  ),
  reading(
    'coordinator.getTopWorkers',
    () => [1],
    ({ api }, [limit]) => api.coordinator.getTopWorkers(limit)
  ),
  reading(
    'cancelBatch',
    (id) => [id],
    ({ api }, [id]) => api.cancelBatch(id)
  ),
  reading(
    'cancelTask',
    (id) => [`${id}/a`],
    ({ api }, [ref]) => api.cancelTask(ref)
  ),
  reading(
    'pauseBatch',
    (id) => [id],
    ({ api }, [id]) => api.pauseBatch(id)
  ),
  reading(
    'resumeBatch',
    (id) => [id],
    ({ api }, [id]) => api.resumeBatch(id)
  ),
  reading(
    'removeBatch',
    (id) => [id],
    ({ api }, [id]) => api.removeBatch(id)
  ),
  reading(
    'retryBatch',
    (id) => [id, { batchId: `${id}-2`, metadata: null }],
    ({ api }, [id, options]) => api.retryBatch(id, options)
  ),
  reading(
    'retryTask',
    (id) => [`${id}/a`, { id: `${id}-2` }],
    ({ api }, [ref, options]) => api.retryTask(ref, options)
  ),
  reading(
    'on',
    () => ['batch.settled', 1],
    async ({ api }, [type, listener]) => {
      api.on(type, listener === 1 ? () => {} : listener)[Symbol.dispose]();
    }
  ),
  reading(
    'events',
    (id) => [{ batchId: id, types: [...states] }],
    async ({ api }, [filter]) => {
      await api.events(filter).return();
    }
  )
];

/** An array comes as its iterator; anything else as it is. */
function iterableOf(given: unknown): unknown {
  try {
    return Array.isArray(given) ? Array.prototype.values.call(given) : given;
  } catch {
    return given;
  }
}

async function checkBatch(
  api: HostileFleet['api'],
  given: unknown,
  options: unknown,
  batchId: string
): Promise<string | null> {
  const status = await api.getBatchStatus(batchId);
  const stored = await api.listTasks({ batchId, limit: 1_000 });
  await api.cancelBatch(batchId);
  await api.removeBatch(batchId);
  const expected = Array.from(given as Iterable<GoodTask>);
  const named = (options as { batchId?: string } | undefined)?.batchId;
  if (named !== undefined && named !== batchId) return 'batchId';
  if (status.totalTasks !== expected.length || stored.length !== expected.length)
    return 'the number of tasks';
  for (const [index, task] of expected.entries()) {
    const problem = difference(task, stored[index] as unknown as GoodTask);
    if (problem !== null) return `tasks[${index}].${problem}`;
  }
  return null;
}
