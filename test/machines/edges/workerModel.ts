import { workerMachine } from '../../../machines/workerMachine.ts';
import { modelOf } from './model.ts';

const now = Date.UTC(2026, 0, 1);
const joining = {
  workerId: 'host-a',
  concurrency: 2,
  prefetch: 3,
  tags: ['gpu'],
  types: ['work'],
  problem: null
};

export const workerModel = modelOf(workerMachine, {
  input: { slot: 'worker-1', concurrency: 1, tasksPerWorker: 2, tags: [], restored: null },
  actors: { startWorker: { outputs: [{ at: now, tags: [] }] } },
  events: {
    'worker.start': [{}],
    'worker.drain': [{}],
    'worker.retire': [{}],
    'worker.configure': [{ concurrency: 4, tasksPerWorker: 2, tags: ['gpu'] }],
    'worker.joined': [
      { joining, isBusy: false },
      { joining, isBusy: true },
      { joining: { ...joining, problem: 'too old' }, isBusy: false }
    ],
    'attempts.begun': [{}],
    'attempts.ended': [
      { taken: 1, completed: 1, failed: 0 },
      { taken: 2, completed: 0, failed: 1 },
      { taken: 2, completed: 1, failed: 0, successor: { at: now, tags: [] } }
    ],
    'heartbeat.missed': [{}],
    'heartbeat.heard': [{ isBusy: true }, { isBusy: false }],
    'worker.died': [{ problem: 'gone', taken: 1, completed: 0, failed: 0 }]
  },
  // Which worker of its slot it is, and what it has done, decides nothing.
  serializeState: ({ context: { concurrency, problem, joined } }) => [concurrency, problem, joined !== null],
  restingStates: ['idle'],
  requiredEvents: {
    'worker.configure': ['*'],
    'worker.drain': ['spawning', 'idle', 'busy', 'unresponsive', 'retiring', 'recycling', 'error'],
    'worker.start': ['draining', 'stopping', 'stopped', 'error'],
    'worker.died': ['idle', 'busy', 'unresponsive', 'draining', 'retiring'],
    'attempts.ended': ['busy', 'unresponsive', 'draining', 'retiring']
  }
});
