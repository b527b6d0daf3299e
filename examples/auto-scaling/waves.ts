import { FleetManager, type FleetFact, type FleetManagerOptions } from 'xstate-fleet';

/** A task that takes so long, ms. */
export type Ripple = (ms: number) => Promise<void>;

export type Scaling = Extract<FleetFact, { type: 'workers.scaled' }>;

/** A fleet that grows with what waits, and shrinks when that is gone. */
export function createWaveFleet(
  options: Partial<FleetManagerOptions<{ ripple: Ripple }>> = {}
): FleetManager<{ ripple: Ripple }> {
  return new FleetManager({
    name: 'waves',
    handlers: { ripple: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) },
    config: {
      autoscale: {
        minWorkers: 2,
        maxWorkers: 20,
        scaleUpThreshold: 10,
        scaleDownThreshold: 2,
        intervalMs: 50,
        cooldownMs: 200
      }
    },
    ...options
  });
}

/** Submits a wave of tasks and waits until the last one has run. @returns How many have completed. */
export async function runWave(
  fleet: FleetManager<{ ripple: Ripple }>,
  size: number,
  ms: number
): Promise<number> {
  const tasks = Array.from({ length: size }, (_, index) => ({
    id: String(index),
    type: 'ripple' as const,
    data: ms
  }));
  const { completedTasks } = await fleet.waitForBatch(await fleet.submitBatch(tasks));
  return completedTasks;
}
