import { describe, expect, it } from 'vitest';
import { faultyStore, startFleet } from '../harness.ts';
import { unreadable } from '../hostileValues.ts';

const now = Date.UTC(2026, 0, 1);
const every = { everyMs: 60_000 };
const work = { type: 'work', data: null };

// oxlint-disable-next-line unicorn/no-thenable -- whoever awaits it would call it
const thenable = { then: (resolve: (value: unknown) => void) => resolve('called') };

type Schedule = (id: unknown, timing: unknown, template: unknown, options?: unknown) => Promise<boolean>;

async function fleetAndCommits() {
  const commits: unknown[] = [];
  const { store } = faultyStore();
  const counting = {
    ...store,
    commit: (commit: Parameters<typeof store.commit>[0]) => {
      commits.push(...commit.schedules);
      return store.commit(commit);
    }
  };
  const { fleet } = await startFleet({
    handlers: { work: () => null },
    store: counting,
    config: { maxQueueSize: 5 }
  });
  return { fleet, schedule: fleet.schedule.bind(fleet) as unknown as Schedule, commits };
}

describe('a schedule that is not allowed', () => {
  it.each<[what: string, args: Parameters<Schedule>, argument: string, allowed: string]>([
    ['id', [7, every, work], 'id', 'string'],
    ['id', ['a/b', every, work], 'id', '"/"'],
    ['id', ['x'.repeat(201), every, work], 'id', '200 bytes'],
    ['timing', ['a', null, work], 'timing', 'object'],
    ['timing', ['a', {}, work], 'timing', '{ cron } or { everyMs }'],
    ['timing', ['a', { cron: '* * * * *', everyMs: 1_000 }, work], 'timing.everyMs', 'absent'],
    ['timing', ['a', { everyMs: 1_000, timeZone: 'UTC' }, work], 'timing.timeZone', 'absent'],
    ['timing', ['a', { crom: '* * * * *' }, work], 'timing.crom', 'cron, timeZone, everyMs'],
    ['interval', ['a', { everyMs: 999 }, work], 'timing.everyMs', 'from 1000'],
    ['interval', ['a', { everyMs: 1_000.5 }, work], 'timing.everyMs', 'integer'],
    ['interval', ['a', { everyMs: Infinity }, work], 'timing.everyMs', 'integer'],
    ['expression', ['a', { cron: 5 }, work], 'timing.cron', 'string'],
    ['expression', ['a', { cron: '' }, work], 'timing.cron', '5 to 7 fields'],
    ['expression', ['a', { cron: '* * * *' }, work], 'timing.cron', '5 to 7 fields'],
    ['expression', ['a', { cron: '2027-01-01T00:00:00' }, work], 'timing.cron', '5 to 7 fields'],
    ['expression', ['a', { cron: '60 * * * *' }, work], 'timing.cron', 'Invalid value for minute: 60'],
    ['expression', ['a', { cron: '@reboot' }, work], 'timing.cron', 'not supported'],
    ['expression', ['a', { cron: `${'0,'.repeat(200)}0 * * * *` }, work], 'timing.cron', '5 to 7 fields'],
    ['zone', ['a', { cron: '* * * * *', timeZone: 'Europe/Atlantis' }, work], 'timing.timeZone', 'IANA'],
    ['zone', ['a', { cron: '* * * * *', timeZone: '' }, work], 'timing.timeZone', 'IANA'],
    ['zone', ['a', { cron: '* * * * *', timeZone: null }, work], 'timing.timeZone', 'string'],
    ['data', ['a', every, { type: 'work', data: unreadable() }], 'template.data', 'JSON'],
    ['data', ['a', every, { type: 'work', data: Promise.resolve(1) }], 'template.data', 'JSON'],
    [
      'data',
      ['a', every, { tasks: [{ id: 'a', type: 'work', data: unreadable() }] }],
      'template.tasks[0].data',
      'JSON'
    ],
    ['data', ['a', every, { type: 'work', data: thenable }], 'template.data.then', 'JSON'],
    ['time that never comes', ['a', { cron: '0 0 30 2 *' }, work], 'timing', 'comes at least once more'],
    ['time that is past', ['a', { cron: '0 0 0 1 1 * 2025' }, work], 'timing', 'comes at least once more'],
    ['end that is past', ['a', every, work, { endAt: now - 1 }], 'timing', 'comes at least once more'],
    [
      'end before its start',
      ['a', every, work, { startAt: now + 2, endAt: now + 1 }],
      'options.endAt',
      'later than'
    ],
    ['start', ['a', every, work, { startAt: NaN }], 'options.startAt', 'epoch milliseconds'],
    ['number of runs', ['a', every, work, { maxRuns: 0 }], 'options.maxRuns', 'from 1'],
    ['catch-up', ['a', every, work, { catchUp: 'some' }], 'options.catchUp', 'none, last, all'],
    ['overlap', ['a', every, work, { overlap: true }], 'options.overlap', 'allow, skip'],
    ['option', ['a', every, work, { catchup: 'all' }], 'options.catchup', 'catchUp'],
    ['template', ['a', every, null], 'template', 'object'],
    ['template', ['a', every, { ...work, priority: 1 }], 'template.priority', 'type, data, options'],
    ['template', ['a', every, { tasks: [], metadata: {} }], 'template.tasks', 'at least one'],
    [
      'template',
      ['a', every, { tasks: Array.from({ length: 1_001 }, () => work) }],
      'template.tasks',
      'at most 1000'
    ],
    [
      'template',
      [
        'a',
        every,
        {
          tasks: [
            { id: 'a', ...work },
            { id: 'a', ...work }
          ]
        }
      ],
      'template.tasks[1].id',
      'unique'
    ],
    ['template', ['a', every, { tasks: [work] }], 'template.tasks[0].id', 'string'],
    ['template', ['a', every, { tasks: [7] }], 'template.tasks[0]', 'object'],
    ['template', ['a', every, { type: 'work', data: 1n }], 'template.data', 'JSON'],
    ['template', ['a', every, { type: 'work', data: 'x'.repeat(1_048_576) }], 'template', 'limits'],
    ['type', ['a', every, { type: 'play', data: null }], 'type of a task of template', '"work"'],
    [
      'start of its tasks',
      ['a', every, { ...work, options: { startAfter: now } }],
      'template.options.startAfter',
      'each firing'
    ],
    ['id of its task', ['a', every, { ...work, options: { id: 'x' } }], 'template.options.id', 'each firing'],
    [
      'metadata of its task',
      ['a', every, { ...work, options: { metadata: 'x' } }],
      'template.options.metadata',
      'object'
    ],
    [
      'metadata of its task',
      ['a', every, { ...work, options: { metadata: { schedule: 1 } } }],
      'template.options.metadata.schedule',
      'absent'
    ],
    ['priority', ['a', every, { ...work, options: { priority: 'high' } }], 'options.priority', 'finite'],
    [
      'number of tasks for its queue',
      ['a', every, { tasks: Array.from({ length: 6 }, (_, id) => ({ id: `${id}`, ...work })) }],
      'template.tasks',
      'at most 5'
    ]
  ])('in its %s is refused before anything is written: %#', async (_, args, argument, allowed) => {
    const { schedule, commits } = await fleetAndCommits();

    await expect(schedule(...args)).rejects.toMatchObject({
      code: 'ERR_VALIDATION',
      argument,
      message: expect.stringContaining(allowed) as string
    });
    expect(commits).toEqual([]);
  });

  it.each(['schedule', 'unschedule', 'pauseSchedule', 'resumeSchedule', 'getSchedule'] as const)(
    'is refused by %s for its id',
    async (method) => {
      const { fleet } = await fleetAndCommits();
      const call = fleet[method].bind(fleet) as unknown as Schedule;
      await expect(call('', every, work)).rejects.toMatchObject({ code: 'ERR_VALIDATION', argument: 'id' });
    }
  );

  it.each([
    [{ limit: 0 }, 'limit'],
    [{ limit: 1_001 }, 'limit'],
    [{ after: '' }, 'after'],
    [{ before: 'a' }, 'filter.before']
  ])('is no filter of a list: %j', async (filter, argument) => {
    const { fleet } = await fleetAndCommits();
    await expect(fleet.listSchedules(filter as object)).rejects.toMatchObject({
      code: 'ERR_VALIDATION',
      argument
    });
  });

  it('is refused while the fleet does not run', async () => {
    const { fleet } = await fleetAndCommits();
    await fleet.stop();
    await expect(fleet.schedule('a', every, { type: 'work', data: null })).rejects.toMatchObject({
      code: 'ERR_NOT_RUNNING'
    });
  });
});

describe('a schedule that is allowed', () => {
  it.each([
    ['@daily', 'UTC'],
    ['0 12 * * MON-FRI', 'Europe/Berlin'],
    ['  */10   *  * * * *  ', 'America/New_York'],
    ['0 0 0 1 1 * 2030', 'Asia/Kolkata'],
    ['0 0 L * *', 'UTC']
  ])('may come at %j in %s', async (cron, timeZone) => {
    const { fleet } = await fleetAndCommits();
    expect(await fleet.schedule('a', { cron, timeZone }, { type: 'work', data: null })).toBe(true);
    expect((await fleet.getSchedule('a')).nextAt).toBeGreaterThan(now);
  });
});
