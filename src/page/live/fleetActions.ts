import type { Dialogs } from './dialogs.ts';
import { messageOf, type FleetClient } from './fleetClient.ts';
import { routeOf } from './routes.ts';

/** What a reader may have the fleet do. Each settles when the fleet has answered; none rejects. */
export interface FleetActions {
  readonly retryTask: (key: string) => Promise<void>;
  readonly cancelTask: (key: string) => Promise<void>;
  readonly retryBatch: (id: string) => Promise<void>;
  readonly cancelBatch: (id: string) => Promise<void>;
  readonly pauseBatch: (id: string) => Promise<void>;
  readonly resumeBatch: (id: string) => Promise<void>;
  readonly pauseFleet: () => Promise<void>;
  readonly resumeFleet: () => Promise<void>;
  /** @param count - Integer >= 0. */
  readonly scaleWorkers: (count: number) => Promise<void>;
}

export interface Notice {
  readonly id: number;
  readonly text: string;
  readonly isError: boolean;
}

/** @param tell - Shows the reader what came of it. */
export function fleetActions(
  client: FleetClient,
  dialogs: Dialogs,
  tell: (text: string, isError: boolean) => void
): FleetActions {
  const act = async (done: string, path: string, body?: Readonly<Record<string, unknown>>) => {
    try {
      await client.post(path, body);
      tell(done, false);
    } catch (error) {
      tell(messageOf(error), true);
    }
  };
  const confirmed = async (title: string, text: string, confirm: string) =>
    (await dialogs.ask({ title, text, confirm, isDangerous: true, isSecret: false })) !== null;

  return {
    retryTask: (key) => act('A copy of the task is queued', routeOf('tasks', key, 'retry')),
    cancelTask: async (key) => {
      if (await confirmed('Cancel the task?', key, 'Cancel the task')) {
        await act('The task is being cancelled', routeOf('tasks', key, 'cancel'));
      }
    },
    retryBatch: (id) => act('What failed of the batch is queued again', routeOf('batches', id, 'retry')),
    cancelBatch: async (id) => {
      if (await confirmed('Cancel the batch, with all its tasks?', id, 'Cancel the batch')) {
        await act('The batch is being cancelled', routeOf('batches', id, 'cancel'));
      }
    },
    pauseBatch: (id) => act('The batch is paused', routeOf('batches', id, 'pause')),
    resumeBatch: (id) => act('The batch goes on', routeOf('batches', id, 'resume')),
    pauseFleet: () => act('The fleet is paused', '/api/fleet/pause'),
    resumeFleet: () => act('The fleet goes on', '/api/fleet/resume'),
    scaleWorkers: async (count) => {
      const text = 'Without workers, nothing runs: what is running finishes, the rest waits.';
      if (count > 0 || (await confirmed('Scale down to no workers?', text, 'Scale to 0'))) {
        await act(`The fleet is to have ${count} worker${count === 1 ? '' : 's'}`, '/api/workers/scale', {
          count
        });
      }
    }
  };
}
