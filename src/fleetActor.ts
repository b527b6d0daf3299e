import type { ActorRefFrom } from 'xstate';
import type { Clock } from './clock.ts';
import type { Fleet, FleetLogic } from './createFleet.ts';
import { NotRunningError } from './errors.ts';

/** Starts a fleet's actor. Resolves when it runs or is paused. @throws what kept it from that. */
export async function startActor(
  actor: ActorRefFrom<FleetLogic>,
  { journal }: Fleet,
  name: string
): Promise<void> {
  const isReady = new Promise<void>((resolve, reject) => {
    actor.subscribe({
      next: ({ value }) => {
        if (value.operation === 'running' || value.operation === 'paused') resolve();
        if (value.operation === 'failed' || value.operation === 'closing') {
          reject((journal.startError as Error | null) ?? new NotRunningError(name, 'start', 'stopped'));
        }
      },
      error: reject
    });
  });
  actor.start();
  await isReady;
}

/** Stops a fleet's actor, and waits for its end; it may have ended by itself. @param timeoutMs - How long running tasks may take, if graceful. */
export async function stopActor(
  actor: ActorRefFrom<FleetLogic>,
  clock: Clock,
  graceful: boolean,
  timeoutMs: number
): Promise<void> {
  // One that could not be started has ended.
  if (actor.getSnapshot().status !== 'active') return;
  const isStopped = new Promise<void>((resolve) => {
    actor.subscribe({ complete: resolve, error: () => resolve() });
  });
  actor.send({ type: graceful ? 'fleet.drain' : 'fleet.stop' });
  const timer = clock.setAlarm(() => actor.send({ type: 'fleet.stop' }), timeoutMs);
  if (actor.getSnapshot().status === 'active') await isStopped;
  timer[Symbol.dispose]();
}
