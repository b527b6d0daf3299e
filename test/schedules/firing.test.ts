import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { withSchema, type FleetFact, type FleetManager, type HandlerContext } from '../../src/index.ts';
import { settled, startFleet } from '../harness.ts';

const minute = 60_000;
const hour = 60 * minute;
const everyFive = { cron: '*/5 * * * *' };
const work = { type: 'work', data: { of: 'nightly' } } as const;

interface Seen {
  readonly data: unknown;
  readonly key: string;
  readonly schedule: { readonly id: string; readonly at: number };
}

async function workingFleet(options: Partial<Parameters<typeof startFleet>[0]> = {}) {
  const seen: Seen[] = [];
  const handlers = {
    work: (data: unknown, { key, task: { metadata } }: HandlerContext) => {
      seen.push({ data, key, schedule: (metadata as { schedule: Seen['schedule'] }).schedule });
    }
  };
  const started = await startFleet({ handlers, ...options });
  const facts: FleetFact[] = [];
  started.fleet.on('*', (fact) => facts.push(fact));
  return { ...started, handlers, seen, facts };
}

function times(seen: readonly Seen[]): string[] {
  return seen.map(({ schedule }) => new Date(schedule.at).toISOString().slice(11, 16));
}

describe('a schedule', () => {
  it('submits its task at each of its times, named and marked by them', async () => {
    const { fleet, clock, seen, facts } = await workingFleet();

    expect(await fleet.schedule('nightly', everyFive, work)).toBe(true);
    await clock.advance(5 * minute - 1);
    expect(seen).toEqual([]);
    await clock.advance(5 * minute + 1);

    const start = Date.UTC(2026, 0, 1);
    expect(seen).toEqual(
      [5, 10].map((minutes) => ({
        data: { of: 'nightly' },
        key: `nightly@2026-01-01T00:${String(minutes).padStart(2, '0')}:00.000Z`,
        schedule: { id: 'nightly', at: start + minutes * minute }
      }))
    );
    expect(await fleet.getSchedule('nightly')).toMatchObject({
      id: 'nightly',
      status: 'active',
      cron: '*/5 * * * *',
      timeZone: 'UTC',
      nextAt: start + 15 * minute,
      lastRun: { at: start + 10 * minute, taskKey: 'nightly@2026-01-01T00:10:00.000Z', batchId: null },
      runs: 2,
      skipped: 0,
      template: work
    });
    expect(facts.filter(({ type }) => type === 'schedule.fired')).toHaveLength(2);
  });

  it('submits its batch, which settles like any other', async () => {
    const { fleet, clock, seen } = await workingFleet();
    await fleet.schedule(
      'report',
      { everyMs: hour },
      {
        tasks: [
          { id: 'a', type: 'work', data: 1, metadata: { team: 'blue' } },
          { id: 'b', type: 'work', data: 2 }
        ],
        metadata: { of: 'all' }
      }
    );

    await clock.advance(hour);

    const batchId = 'report@2026-01-01T01:00:00.000Z';
    expect(await fleet.getBatchStatus(batchId)).toMatchObject({
      status: 'completed',
      totalTasks: 2,
      metadata: { of: 'all', schedule: { id: 'report', at: Date.UTC(2026, 0, 1, 1) } }
    });
    expect(seen.map(({ key }) => key)).toEqual([`${batchId}/a`, `${batchId}/b`]);
    expect(await fleet.getTask(`${batchId}/a`)).toMatchObject({ metadata: { team: 'blue' } });
  });

  it('counts an interval from its start, which is its first time', async () => {
    const { fleet, clock, seen } = await workingFleet();
    await fleet.schedule('a', { everyMs: hour }, work, { startAt: clock.now() + 10 * minute });

    await clock.advance(2 * hour + 10 * minute);

    expect(times(seen)).toEqual(['00:10', '01:10', '02:10']);
  });

  it('ends after so many runs, and before its end', async () => {
    const { fleet, clock, seen, facts } = await workingFleet();
    await fleet.schedule('runs', { everyMs: hour }, work, { maxRuns: 2 });
    await fleet.schedule('end', { everyMs: hour }, work, { endAt: clock.now() + 3 * hour });

    await clock.advance(24 * hour);

    expect(seen.filter(({ schedule }) => schedule.id === 'runs')).toHaveLength(2);
    expect(times(seen.filter(({ schedule }) => schedule.id === 'end'))).toEqual(['01:00', '02:00']);
    const ended = await fleet.getSchedule('runs');
    expect(ended).toMatchObject({ status: 'ended', runs: 2 });
    expect(ended).not.toHaveProperty('nextAt');
    expect(facts).toContainEqual({ type: 'schedule.ended', scheduleId: 'end' });
  });

  it('that is put in again as it is changes nothing, also once it has ended', async () => {
    const { fleet, clock, seen } = await workingFleet();
    const put = () => fleet.schedule('a', { everyMs: hour }, work, { maxRuns: 1 });

    expect([await put(), await put()]).toEqual([true, false]);
    await clock.advance(hour);
    expect(await put()).toBe(false);
    await clock.advance(2 * hour);

    expect(seen).toHaveLength(1);
  });

  it('that is put in otherwise is changed, and keeps what it has counted', async () => {
    const { fleet, clock, seen } = await workingFleet();
    await fleet.schedule('a', { everyMs: hour }, work);
    await clock.advance(hour);

    expect(await fleet.schedule('a', { cron: '30 * * * *' }, { type: 'work', data: 'new' })).toBe(true);
    await clock.advance(hour);

    expect(times(seen)).toEqual(['01:00', '01:30']);
    expect(seen[1]).toMatchObject({ data: 'new' });
    expect(await fleet.getSchedule('a')).toMatchObject({ runs: 2, cron: '30 * * * *' });
  });

  it('that has ended begins anew when it is put in otherwise', async () => {
    const { fleet, clock, seen } = await workingFleet();
    await fleet.schedule('a', { everyMs: hour }, work, { maxRuns: 1 });
    await clock.advance(hour);

    await fleet.schedule('a', { everyMs: minute }, work, { maxRuns: 2 });
    await clock.advance(hour);

    expect(times(seen)).toEqual(['01:00', '01:01', '01:02']);
    expect(await fleet.getSchedule('a')).toMatchObject({ status: 'ended', runs: 2 });
  });

  it('submits nothing while it is paused, and goes on with its first time after that', async () => {
    const { fleet, clock, seen } = await workingFleet();
    await fleet.schedule('a', everyFive, work);
    await clock.advance(5 * minute);

    await fleet.pauseSchedule('a');
    await clock.advance(21 * minute);
    expect(await fleet.getSchedule('a')).toMatchObject({ status: 'paused' });
    await fleet.resumeSchedule('a');
    await clock.advance(4 * minute);

    expect(times(seen)).toEqual(['00:05', '00:30']);
    expect(await fleet.getSchedule('a')).toMatchObject({ status: 'active', runs: 2, skipped: 0 });
  });

  it('is removed, and what it has submitted stays', async () => {
    const { fleet, clock, seen } = await workingFleet();
    await fleet.schedule('a', everyFive, work);
    await clock.advance(5 * minute);

    expect([await fleet.unschedule('a'), await fleet.unschedule('a')]).toEqual([true, false]);
    await clock.advance(hour);

    expect(seen).toHaveLength(1);
    expect(await fleet.getTask(seen[0]!.key)).toMatchObject({ status: 'completed' });
    await expect(fleet.getSchedule('a')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND', kind: 'schedule' });
    await expect(fleet.pauseSchedule('a')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    expect(await fleet.listSchedules()).toEqual([]);
  });

  it('passes a time over while what it submitted before is going on, if it may not overlap', async () => {
    let finish = (): void => {};
    const { fleet, clock } = await startFleet({
      handlers: { work: () => new Promise<void>((resolve) => (finish = resolve)) },
      config: { workerTimeout: 24 * hour }
    });
    await fleet.schedule('task', { everyMs: hour }, work, { overlap: 'skip' });
    await fleet.schedule('both', { everyMs: hour }, work);
    await fleet.schedule('batch', { everyMs: hour }, { tasks: [{ id: 'a', ...work }] }, { overlap: 'skip' });

    await clock.advance(3 * hour);

    expect(await fleet.getSchedule('task')).toMatchObject({ runs: 1, skipped: 2 });
    expect(await fleet.getSchedule('batch')).toMatchObject({ runs: 1, skipped: 2 });
    expect(await fleet.getSchedule('both')).toMatchObject({ runs: 3, skipped: 0 });
    finish();
  });

  it('fires again once what it submitted before has settled', async () => {
    const { fleet, clock, seen } = await workingFleet();
    await fleet.schedule('task', { everyMs: hour }, work, { overlap: 'skip' });
    await fleet.schedule('batch', { everyMs: hour }, { tasks: [{ id: 'a', ...work }] }, { overlap: 'skip' });

    await clock.advance(3 * hour);

    expect(seen).toHaveLength(6);
  });

  it('never submits under a name that is taken', async () => {
    const { fleet, clock, seen, facts } = await workingFleet();
    await fleet.submitAsync('work', null, { id: 'a@2026-01-01T01:00:00.000Z', metadata: { schedule: null } });
    await fleet.submitBatch([], { batchId: 'b@2026-01-01T01:00:00.000Z' });
    await fleet.schedule('a', { everyMs: hour }, work);
    await fleet.schedule('b', { everyMs: hour }, { tasks: [{ id: 'a', ...work }] });

    await clock.advance(hour);

    expect(seen).toHaveLength(1);
    expect(facts.filter(({ type }) => type === 'schedule.skipped')).toEqual(
      ['a', 'b'].map((scheduleId) => ({
        type: 'schedule.skipped',
        scheduleId,
        at: Date.UTC(2026, 0, 1, 1),
        count: 1,
        reason: 'taken'
      }))
    );
  });

  it('waits for room in a full queue, and is late rather than lost', async () => {
    const finish: (() => void)[] = [];
    const { fleet, clock } = await startFleet({
      handlers: { work: () => new Promise<void>((resolve) => void finish.push(resolve)) },
      config: { maxConcurrentWorkers: 1, maxQueueSize: 2, workerTimeout: 24 * hour }
    });
    for (const id of ['x', 'y', 'z']) await fleet.submitAsync('work', null, { id });
    await settled();
    await fleet.schedule('a', { everyMs: hour }, work);

    await clock.advance(hour);
    expect(await fleet.getSchedule('a')).toMatchObject({ runs: 0 });
    finish.shift()!();
    await clock.advance(0);

    expect(await fleet.getSchedule('a')).toMatchObject({ runs: 1, skipped: 0 });
    await fleet.stop({ graceful: false });
  });

  it('fires where no handler is registered yet: its tasks wait for one', async () => {
    const { fleet, clock, restart } = await workingFleet();
    await fleet.schedule('a', { everyMs: hour }, work);
    await fleet.schedule('b', { everyMs: hour }, { tasks: [{ id: '1', ...work }] });
    await fleet.stop();
    const next = await restart({ handlers: { other: () => null } });
    const facts: FleetFact[] = [];
    next.fleet.on('handler.missing', (fact) => facts.push(fact));

    await clock.advance(hour);
    expect(facts).toEqual([{ type: 'handler.missing', taskType: 'work' }]);
    expect(await next.fleet.getSchedule('a')).toMatchObject({ runs: 1, skipped: 0 });
    (next.fleet as unknown as FleetManager).registerHandler('work', () => 'done');
    await settled();

    expect(await next.fleet.getStats()).toMatchObject({ completedTasks: 2, queuedTasks: 0 });
  });

  it('submits what the schema of the handler makes of the data, and tasks after what they depend on', async () => {
    const seen: unknown[] = [];
    const width = z.object({ width: z.number().default(800) });
    const { fleet, clock } = await startFleet({
      handlers: { resize: withSchema(width, (data) => void seen.push(data.width)) },
      config: { maxConcurrentWorkers: 1 }
    });
    const bad = fleet.schedule('bad', { everyMs: hour }, { type: 'resize', data: { width: 'no' } as never });
    await expect(bad).rejects.toThrow(/template\.data/);
    await fleet.schedule(
      'batch',
      { everyMs: hour },
      {
        tasks: [
          { id: 'last', type: 'resize', data: { width: 2 }, dependsOn: ['first'] },
          { id: 'first', type: 'resize', data: {} }
        ]
      }
    );
    await clock.advance(hour);

    expect(seen).toEqual([800, 2]);
  });

  it('fires while the fleet is paused: its tasks wait', async () => {
    const { fleet, clock, seen } = await workingFleet();
    await fleet.schedule('a', { everyMs: hour }, work);
    await fleet.pause();

    await clock.advance(2 * hour);
    expect(await fleet.getSchedule('a')).toMatchObject({ runs: 2 });
    expect(seen).toEqual([]);
    await fleet.resume();
    await settled();

    expect(seen).toHaveLength(2);
  });

  it('does not fire while the fleet drains', async () => {
    let finish = (): void => {};
    const { fleet, clock, restart } = await startFleet({
      handlers: { work: () => new Promise<void>((resolve) => (finish = resolve)) },
      config: { workerTimeout: 24 * hour }
    });
    await fleet.submitAsync('work', null, { id: 'x' });
    await fleet.schedule('a', { everyMs: minute }, work);
    await settled();
    const stopped = fleet.stop({ timeoutMs: 24 * hour });

    await clock.advance(10 * minute);
    finish();
    await stopped;

    const next = await restart();
    await settled();
    expect(await next.fleet.getSchedule('a')).toMatchObject({ runs: 1, skipped: 9 });
    finish();
  });

  it('leaves no alarm behind when the fleet stops', async () => {
    const { fleet, clock } = await workingFleet();
    await fleet.schedule('a', { everyMs: hour }, work);
    await fleet.stop();
    expect(clock.pending).toBe(0);
  });

  it('is listed in pages, in order of ids', async () => {
    const { fleet } = await workingFleet();
    const ids = ['Ａ', '😀', 'b', 'a', 'B'];
    for (const id of ids) await fleet.schedule(id, { everyMs: hour }, work);

    const first = await fleet.listSchedules({ limit: 3 });
    const second = await fleet.listSchedules({ limit: 3, after: first.at(-1)!.id });

    expect([...first, ...second].map(({ id }) => id)).toEqual(['B', 'a', 'b', 'Ａ', '😀']);
  });

  it('types what it submits by the handlers', async () => {
    const fleet: FleetManager<{ work: (data: { n: number }) => null }> = (
      await startFleet({ handlers: { work: (_: { n: number }) => null } })
    ).fleet;
    await fleet.schedule('a', { everyMs: hour }, { type: 'work', data: { n: 1 } });
    // @ts-expect-error -- another type of data
    await fleet.schedule('b', { everyMs: hour }, { type: 'work', data: 'n' });
    // @ts-expect-error -- there is no such handler
    await expect(fleet.schedule('c', { everyMs: hour }, { type: 'play', data: null })).rejects.toThrow(
      'play'
    );
  });
});
