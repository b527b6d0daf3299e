import { FleetManager } from 'xstate-fleet';

/** Waves of tasks over a fleet that grows with what waits and shrinks when it is gone. */
await using fleet = new FleetManager({
  name: 'waves',
  handlers: { ripple: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)) },
  config: {
    maxConcurrentWorkers: 2,
    autoscale: {
      minWorkers: 2,
      maxWorkers: 20,
      scaleUpThreshold: 10,
      scaleDownThreshold: 2,
      intervalMs: 100,
      cooldownMs: 300
    }
  }
});
fleet.on('workers.scaled', ({ from, to, reason }) => console.log(`  ${from} -> ${to} workers: ${reason}`));
await fleet.start();

for (const size of [20, 400, 50]) {
  console.log(`A wave of ${size} tasks`);
  const tasks = Array.from({ length: size }, (_, index) => ({
    id: String(index),
    type: 'ripple' as const,
    data: 20
  }));
  const { completedTasks } = await fleet.waitForBatch(await fleet.submitBatch(tasks));
  console.log(`  ${completedTasks} done with ${(await fleet.getStats()).workerCount} workers`);
}
