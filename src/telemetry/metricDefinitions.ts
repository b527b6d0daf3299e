/** What a metric is, for every exporter, the documentation and the dashboard. */
export interface MetricDefinition {
  /** As OpenTelemetry names it. */
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** UCUM: `s`, or what is counted in braces. */
  readonly unit: string;
  readonly help: string;
  /** Beside `fleet`, which all have. */
  readonly labels: readonly MetricLabel[];
  /** Upper bounds of the buckets, of histograms alone. */
  readonly buckets?: readonly number[];
}

export type MetricLabel = 'type' | 'state' | 'status' | 'outcome';

/** Types of tasks that have a label of their own, the first ones; the others share {@link otherTypes}. */
export const maxTypes = 100;
export const otherTypes = 'other';

const taskSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200];
const commitSeconds = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
const turnSteps = [1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000];

export const metricDefinitions = {
  tasks: {
    name: 'xstate_fleet.tasks',
    kind: 'gauge',
    unit: '{task}',
    help: 'Tasks that have not settled, by their state',
    labels: ['state']
  },
  queueDepth: {
    name: 'xstate_fleet.queue.depth',
    kind: 'gauge',
    unit: '{task}',
    help: 'Tasks that are queued: ready, and waiting for a worker',
    labels: ['type']
  },
  workers: {
    name: 'xstate_fleet.workers',
    kind: 'gauge',
    unit: '{worker}',
    help: 'Workers by their state',
    labels: ['state']
  },
  batches: {
    name: 'xstate_fleet.batches',
    kind: 'gauge',
    unit: '{batch}',
    help: 'Batches that have not settled, by their state',
    labels: ['state']
  },
  stuck: {
    name: 'xstate_fleet.attempts.stuck',
    kind: 'gauge',
    unit: '{attempt}',
    help: 'Handlers that ignored their abort beyond the grace and still run, their worker replaced',
    labels: []
  },
  ready: {
    name: 'xstate_fleet.ready',
    kind: 'gauge',
    unit: '1',
    help: '1 while the fleet runs or is paused and its store takes commits, otherwise 0',
    labels: []
  },
  submitted: {
    name: 'xstate_fleet.tasks.submitted',
    kind: 'counter',
    unit: '{task}',
    help: 'Tasks that were accepted',
    labels: ['type']
  },
  settled: {
    name: 'xstate_fleet.tasks.settled',
    kind: 'counter',
    unit: '{task}',
    help: 'Tasks that settled, by how',
    labels: ['type', 'status']
  },
  batchesSettled: {
    name: 'xstate_fleet.batches.settled',
    kind: 'counter',
    unit: '{batch}',
    help: 'Batches that settled, by how',
    labels: ['status']
  },
  started: {
    name: 'xstate_fleet.attempts.started',
    kind: 'counter',
    unit: '{attempt}',
    help: 'Attempts that were started',
    labels: ['type']
  },
  ended: {
    name: 'xstate_fleet.attempts.ended',
    kind: 'counter',
    unit: '{attempt}',
    help: 'Attempts that ended, by how',
    labels: ['type', 'outcome']
  },
  retries: {
    name: 'xstate_fleet.retries',
    kind: 'counter',
    unit: '{attempt}',
    help: 'Attempts that failed or timed out and are followed by another',
    labels: ['type']
  },
  recoveries: {
    name: 'xstate_fleet.recoveries',
    kind: 'counter',
    unit: '{attempt}',
    help: 'Attempts that were lost with their worker or process and are followed by another',
    labels: ['type']
  },
  lateOutcomes: {
    name: 'xstate_fleet.late_outcomes',
    kind: 'counter',
    unit: '{outcome}',
    help: 'Outcomes that came after their attempt was over, and were ignored; since the first start of the fleet',
    labels: []
  },
  lostWorkers: {
    name: 'xstate_fleet.workers.lost',
    kind: 'counter',
    unit: '{worker}',
    help: 'Workers that died, went silent or could not be made',
    labels: []
  },
  storeUnavailable: {
    name: 'xstate_fleet.store.unavailable',
    kind: 'counter',
    unit: 's',
    help: 'Time during which the store took no commits',
    labels: []
  },
  wait: {
    name: 'xstate_fleet.task.wait',
    kind: 'histogram',
    unit: 's',
    help: 'From when a task was ready to the start of its attempt',
    labels: ['type'],
    buckets: taskSeconds
  },
  run: {
    name: 'xstate_fleet.attempt.run',
    kind: 'histogram',
    unit: 's',
    help: 'From the start of an attempt to its end, by how it ended',
    labels: ['type', 'outcome'],
    buckets: taskSeconds
  },
  endToEnd: {
    name: 'xstate_fleet.task.duration',
    kind: 'histogram',
    unit: 's',
    help: 'From the submission of a task to its settlement, by how it settled',
    labels: ['type', 'status'],
    buckets: taskSeconds
  },
  commit: {
    name: 'xstate_fleet.commit.duration',
    kind: 'histogram',
    unit: 's',
    help: 'What the store took for a commit',
    labels: [],
    buckets: commitSeconds
  },
  turnSize: {
    name: 'xstate_fleet.turn.size',
    kind: 'histogram',
    unit: '{step}',
    help: 'Steps of rows in a turn, which are committed together',
    labels: [],
    buckets: turnSteps
  }
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export type MetricId = keyof typeof metricDefinitions;

export const metricIds = Object.keys(metricDefinitions) as MetricId[];

/** As Prometheus names it, and exporters of OpenTelemetry make it: with its unit, and `_total` for a counter. */
export function prometheusName({ name, kind, unit }: MetricDefinition): string {
  const parts = [name.replaceAll('.', '_')];
  if (unit === 's') parts.push('seconds');
  if (kind === 'counter') parts.push('total');
  return parts.join('_');
}
