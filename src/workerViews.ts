import type { SnapshotFrom } from 'xstate';
import type { workerMachine } from '../machines/workerMachine.ts';

type WorkerSnapshot = SnapshotFrom<typeof workerMachine>;

/** What a worker that stands alone is doing. */
export type WorkerStatus = 'spawning' | 'idle' | 'busy' | 'draining' | 'stopped' | 'error';

const workerStatuses = {
  spawning: 'spawning',
  idle: 'idle',
  busy: 'busy',
  draining: 'draining',
  retiring: 'draining',
  recycling: 'spawning',
  stopping: 'draining',
  stopped: 'stopped',
  error: 'error'
} as const satisfies Record<WorkerSnapshot['value'], WorkerStatus>;

export function workerStatusOf({ value }: WorkerSnapshot): WorkerStatus {
  return workerStatuses[value];
}
