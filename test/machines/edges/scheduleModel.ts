import type { ScheduleSpec } from '../../../machines/schedule.ts';
import { scheduleMachine } from '../../../machines/scheduleMachine.ts';
import { modelOf } from './model.ts';

const now = Date.UTC(2026, 0, 1);
const hour = 3_600_000;
const spec: ScheduleSpec = {
  cron: null,
  timeZone: null,
  everyMs: hour,
  catchUp: 'last',
  overlap: 'allow',
  startAt: null,
  endAt: null,
  maxRuns: 2
};
const run = { at: now + hour, batchId: null, taskKey: 'nightly@t', seq: 4 };
const changes = { kind: 'task', tasks: 1, size: 20, at: now } as const;

export const scheduleModel = modelOf(scheduleMachine, {
  input: { id: 'nightly', spec, kind: 'task', tasks: 1, size: 20, createdAt: now, dueAt: now + hour },
  events: {
    'time.fired': [
      { run, dueAt: now + 2 * hour },
      { run, dueAt: null }
    ],
    'time.skipped': [
      { count: 1, dueAt: now + 2 * hour },
      { count: 1, dueAt: null }
    ],
    'schedule.update': [
      { ...changes, spec, dueAt: now + 2 * hour },
      { ...changes, spec: { ...spec, maxRuns: null }, dueAt: null }
    ],
    'schedule.pause': [{}],
    'schedule.resume': [{ dueAt: now + 2 * hour }, { dueAt: null }]
  },
  serializeState: ({ context: { runs, spec, dueAt } }) => [Math.min(runs, 2), spec.maxRuns, dueAt !== null],
  requiredEvents: {
    'schedule.update': ['*'],
    'schedule.pause': ['active'],
    'schedule.resume': ['paused'],
    'time.fired': ['active']
  }
});
