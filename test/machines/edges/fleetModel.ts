import { defaultFleetConfig, type FleetConfig } from '../../../machines/fleetConfig.ts';
import type { NewTask } from '../../../machines/fleetCommand.ts';
import { fleetMachine, type FleetContext, type Recovered } from '../../../machines/fleetMachine.ts';
import type { WorkerReport } from '../../../machines/workerMachine.ts';
import { modelOf } from './model.ts';

const config: FleetConfig = { ...defaultFleetConfig, maxConcurrentWorkers: 1 };
const task: NewTask = {
  id: 't1',
  key: 't1',
  type: 'echo',
  priority: 5,
  tags: [],
  timeoutMs: null,
  maxRetries: null,
  startAfter: null,
  retryOf: null,
  dependsOn: null,
  idempotencyKey: null,
  data: 'null',
  metadata: null
};
const nothing: Recovered = { fleet: null, coordinator: null, autoscaler: null, workers: {} };
const paused: FleetContext = {
  name: 'test',
  declared: config,
  config,
  slots: 0,
  parked: [],
  formerWorkers: {},
  problem: null,
  paused: true,
  standby: false,
  metadata: {}
};
const report: Omit<WorkerReport, 'type'> = {
  slot: 'worker-1',
  workerId: 'worker-1',
  concurrency: 1,
  prefetch: 0,
  tasksPerWorker: null,
  tags: [],
  types: null,
  spawnedAt: null,
  problem: null
};
const health = { successRate: 10, results: 20 };

export const fleetModel = modelOf(fleetMachine, {
  inputs: [
    { name: 'test', config },
    { name: 'test', config, standby: true }
  ],
  actors: { recover: { outputs: [nothing, { ...nothing, fleet: paused }] } },
  events: {
    'fleet.pause': [{}],
    'fleet.resume': [{}],
    'fleet.drain': [{}],
    'fleet.stop': [{}],
    'turn.due': [{}],
    'turn.committed': [
      { more: false, held: 0 },
      { more: true, held: 1 },
      { more: false, held: 1 },
      { more: false, held: 1, goesOn: true }
    ],
    'commit.failed': [{ problem: { code: 'ERR_STORE_FULL', message: 'no space' } }],
    'alarm.rang': [{}],
    'deadline.changed': [{ delayMs: 5 }],
    'facts.released': [{ facts: [{ type: 'store.recovered' }] }],
    'workers.adjust': [{}],
    'ownership.lost': [{ problem: { code: 'ERR_FENCED', message: 'another process owns it' } }],
    'workers.joined': [
      {
        workers: [
          {
            slot: 'worker-1',
            joining: { workerId: 'host-a', concurrency: 1, prefetch: 0, tags: [], types: [], problem: null }
          }
        ]
      }
    ],
    'workers.scale': [{ count: 1 }],
    'scaling.decided': [{ from: 1, to: 1 }],
    'config.update': [{ config: { maxRetries: 9 } }],
    'results.clear': [{}],
    'metadata.update': [{ patch: { owner: 'me' } }],
    'coordinator.degraded': [health],
    'worker.ready': [report],
    'worker.offering': [report],
    'worker.withdrawn': [report],
    'worker.stopped': [report],
    'worker.unresponsive': [report],
    'worker.unfit': [report],
    'worker.lost': [report],
    'worker.broken': [report],
    'batch.submit': [
      {
        batchId: 'b1',
        metadata: null,
        tasks: [task],
        seal: true,
        total: 1,
        fresh: true,
        exclusive: true,
        announced: 1
      }
    ],
    'batch.cancel': [{ batchId: 'b1' }],
    'task.submit': [{ task, fresh: true }],
    'task.cancel': [{ key: 't1' }],
    'task.retry': [{ key: 't1', newKey: 't2' }],
    'schedule.pause': [{ scheduleId: 's1' }],
    'result.submit': [
      {
        workerId: 'elsewhere',
        result: {
          taskId: 't1',
          key: 't1',
          type: 'echo',
          status: 'completed',
          result: null,
          error: null,
          duration: 1,
          timestamp: 1,
          attempt: 1
        }
      }
    ]
  },
  // What it is configured with, and what it keeps for its callers, is the turn's business.
  serializeState: ({ context: { paused } }) => paused,
  requiredEvents: {
    'fleet.pause': ['*'],
    'fleet.resume': ['*'],
    'fleet.drain': ['*'],
    'fleet.stop': ['*'],
    'batch.submit': ['*'],
    'batch.cancel': ['*'],
    'task.submit': ['*'],
    'task.cancel': ['*'],
    'task.retry': ['*'],
    'schedule.pause': ['*'],
    'result.submit': ['*'],
    'workers.scale': ['*'],
    'config.update': ['*'],
    'results.clear': ['*'],
    'metadata.update': ['*'],
    'worker.ready': ['*'],
    'worker.lost': ['*'],
    'turn.committed': ['journal.committing', 'journal.retrying'],
    'commit.failed': ['journal.committing', 'journal.retrying']
  }
});
