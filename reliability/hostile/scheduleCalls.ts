import type { Handler } from '../../src/index.ts';
import { reading, type Call } from './call.ts';
import { sameData } from './sameData.ts';
import { anyJson } from './values.ts';

/** Calls that have to do with schedules, and with handlers that come later. */
export const scheduleCalls: readonly Call[] = [
  {
    name: 'schedule',
    arguments: (random, id) => [
      id,
      random.pick([{ everyMs: 60_000 }, { cron: '0 3 * * 1', timeZone: 'Europe/Berlin' }]),
      random.pick([
        { type: 'echo', data: anyJson(random, 3), options: { priority: 7, metadata: { by: 'test' } } },
        { tasks: [{ id: 'a', type: 'echo', data: anyJson(random, 3), tags: ['x'] }], metadata: {} }
      ]),
      {
        // None of them fires while it is there.
        startAt: 4e12,
        endAt: 5e12,
        catchUp: random.pick(['none', 'last', 'all']),
        overlap: random.pick(['allow', 'skip']),
        maxRuns: random.integer(1, 5)
      }
    ],
    run: ({ api }, args) => api.schedule(...(args as Parameters<typeof api.schedule>)),
    check: async ({ api }, [id, , template]) => {
      const { template: stored, ...status } = await api.getSchedule(id as string);
      await api.unschedule(id as string);
      if (status.status !== 'active') return 'the status';
      return sameData(template, stored) ? null : 'template';
    }
  },
  {
    name: 'registerHandler',
    arguments: (_, id) => [`type of ${id}`, 1, { replace: false }],
    async run({ api }, [type, handler, options]) {
      api.registerHandler(
        type as string,
        handler === 1 ? () => handler : (handler as Handler),
        options as never
      );
    }
  },
  reading(
    'unschedule',
    (id) => [id],
    ({ api }, [id]) => api.unschedule(id)
  ),
  reading(
    'pauseSchedule',
    (id) => [id],
    ({ api }, [id]) => api.pauseSchedule(id)
  ),
  reading(
    'resumeSchedule',
    (id) => [id],
    ({ api }, [id]) => api.resumeSchedule(id)
  ),
  reading(
    'getSchedule',
    (id) => [id],
    ({ api }, [id]) => api.getSchedule(id)
  ),
  reading(
    'listSchedules',
    (id) => [{ limit: 2, after: id }],
    ({ api }, [filter]) => api.listSchedules(filter)
  ),
  reading(
    'getWorkers',
    () => [{ status: 'active', tags: ['x'] }],
    ({ api }, [filter]) => api.getWorkers(filter)
  ),
  reading(
    'coordinator.getFailedResults',
    () => [1],
    ({ api }, [limit]) => api.coordinator.getFailedResults(limit)
  ),
  reading(
    'coordinator.getRecentResults',
    () => [1_000],
    ({ api }, [ms]) => api.coordinator.getRecentResults(ms)
  )
];
