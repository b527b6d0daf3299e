import { describe, expect, it } from 'vitest';
import { protocolVersion, type WorkerEntry } from '../../../src/executors/bullmq/protocol.ts';
import type { Survey } from '../../../src/executors/bullmq/registry.ts';
import { WorkerRoster } from '../../../src/executors/bullmq/workerRoster.ts';

const entry: WorkerEntry = {
  workerId: 'w',
  protocol: protocolVersion,
  state: 'ready',
  concurrency: 3,
  heartbeatMs: 1_000,
  pid: 1,
  host: 'h',
  tags: ['gpu'],
  types: ['echo']
};

describe('the roster of remote workers', () => {
  it('tells of one with what it may be given, and again when it says something else', () => {
    const roster = new WorkerRoster(5, 1_000);
    const worker = {
      workerId: 'w',
      concurrency: 3,
      prefetch: 5,
      tags: ['gpu'],
      types: ['echo'],
      problem: null
    };
    expect(roster.take(survey(0, entry, 0), 0)).toEqual([{ type: 'joined', worker }]);
    expect(roster.isReady('w')).toBe(true);
    expect(roster.take(survey(900, entry, 900), 900)).toEqual([{ type: 'heard', workerId: 'w' }]);
    const draining = roster.take(survey(1_000, { ...entry, state: 'draining' }, 1_000), 1_000);
    expect(draining).toEqual([
      { type: 'joined', worker },
      { type: 'draining', workerId: 'w' }
    ]);
    expect(roster.isReady('w')).toBe(false);
    expect(roster.take(survey(2_000, { ...entry, state: 'left' }, 2_000), 2_000)).toEqual([
      { type: 'left', workerId: 'w' }
    ]);
  });

  it('calls one gone that was not heard for six heartbeats of watched time', () => {
    const roster = new WorkerRoster(null, 1_000);
    roster.take(survey(0, entry, 0), 0);
    for (let now = 1_000; now < 6_000; now += 1_000)
      expect(roster.take(survey(now, entry, 0), now)).toEqual([]);
    expect(roster.take(survey(6_000, entry, 0), 6_000)).toMatchObject([{ type: 'gone', workerId: 'w' }]);
    expect(roster.has('w')).toBe(false);
  });

  it('calls nobody gone for the time in which nobody could look', () => {
    const roster = new WorkerRoster(null, 1_000);
    roster.take(survey(0, entry, 0), 0);
    expect(roster.take(survey(600_000, entry, 0), 600_000)).toEqual([]);
    expect(roster.take(survey(601_000, entry, 600_900), 601_000)).toEqual([{ type: 'heard', workerId: 'w' }]);
  });

  it('does not tell of one whose entry is old until it is heard', () => {
    const roster = new WorkerRoster(null, 1_000);
    expect(roster.take(survey(60_000, entry, 0), 0)).toEqual([]);
    expect(roster.isReady('w')).toBe(false);
    expect(roster.take(survey(61_000, entry, 60_500), 1_000)).toMatchObject([{ type: 'joined' }]);
  });

  it('calls one gone at once that is not in the registry any more', () => {
    const roster = new WorkerRoster(null, 1_000);
    roster.take(survey(0, entry, 0), 0);
    expect(roster.take({ now: 1_000, workers: new Map() }, 1_000)).toMatchObject([{ type: 'gone' }]);
  });
});

describe('the roster of remote workers, of what each is given ahead', () => {
  it('has none for a newcomer, and tells of more when a worker is fast', () => {
    const roster = new WorkerRoster(null, 1_000);
    expect(roster.take(survey(0, entry, 0), 0)).toMatchObject([{ type: 'joined', worker: { prefetch: 0 } }]);
    const told = roster.read('w', fastWork);
    expect(told).toMatchObject({ type: 'joined', worker: { workerId: 'w', concurrency: 3, prefetch: 100 } });
    const other = { ...entry, tags: [] };
    expect(roster.take(survey(900, other, 900), 900)).toMatchObject([
      { worker: { prefetch: 100, tags: [] } }
    ]);
  });

  it('follows no pace where a number is given', () => {
    const roster = new WorkerRoster(7, 1_000);
    roster.take(survey(0, entry, 0), 0);
    expect(roster.read('w', fastWork)).toBeNull();
    const other = { ...entry, tags: [] };
    expect(roster.take(survey(900, other, 900), 900)).toMatchObject([{ worker: { prefetch: 7 } }]);
  });

  it('tells no pace of one that takes nothing more, or is not there', () => {
    const roster = new WorkerRoster(null, 1_000);
    roster.take(survey(0, { ...entry, state: 'draining' }, 0), 0);
    expect(roster.read('w', fastWork)).toBeNull();
    expect(roster.read('nobody', fastWork)).toBeNull();
  });
});

/** 100 tasks of a millisecond each. */
const fastWork = Array.from({ length: 100 }, (_, index) => [
  { id: `${index}-0`, fields: { event: 'active', jobId: `job-${index}` } },
  { id: `${index + 1}-0`, fields: { event: 'completed', jobId: `job-${index}` } }
]).flat();

function survey(now: number, worker: WorkerEntry, beatAt: number): Survey {
  return { now, workers: new Map([[worker.workerId, { entry: worker, beatAt }]]) };
}
