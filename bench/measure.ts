import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import type { Figures } from './case.ts';

/** Between two looks at the event loop, ms. */
const resolution = 1;

/**
 * Runs work once to get warm, so that compiling it is not part of what is measured, and then as often as it is asked for.
 *
 * @param work - Does so many tasks, and resolves to how many were done when all were.
 * @throws {Error} when not all were done.
 */
export async function measureTasks(
  tasks: number,
  work: (tasks: number) => Promise<number>,
  warmUp = Math.ceil(tasks / 10)
): Promise<Figures> {
  if (warmUp > 0) await work(warmUp);
  return measureOnce(tasks, () => work(tasks));
}

/** The same without a run before. */
export async function measureOnce(tasks: number, work: () => Promise<number>): Promise<Figures> {
  globalThis.gc?.();
  const loop = monitorEventLoopDelay({ resolution });
  loop.enable();
  await wait(5 * resolution); // the first look only begins the intervals
  const processor = process.cpuUsage();
  const began = performance.now();
  const done = await work();
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(processor);
  await wait(resolution);
  loop.disable();
  if (done !== tasks) throw new Error(`${done} tasks were done, ${tasks} were asked for`);
  return {
    perSecond: (tasks / ms) * 1_000,
    wallUs: (ms / tasks) * 1_000,
    cpuUs: (user + system) / tasks,
    // Kibibytes on every platform that Node runs on.
    peakMb: (process.resourceUsage().maxRSS * 1024) / 1e6,
    blockMs: Math.max(0, loop.max / 1e6 - resolution)
  };
}

/** Runs something alone, again and again, after a tenth as many runs to get warm. */
export async function measureEach(times: number, work: (index: number) => unknown): Promise<Figures> {
  for (let index = 0; index < times / 10; index++) await work(-1 - index);
  const durations: number[] = [];
  for (let index = 0; index < times; index++) {
    const began = performance.now();
    await work(index);
    durations.push((performance.now() - began) * 1_000);
  }
  durations.sort((left, right) => left - right);
  return { p50Us: durations[Math.floor(times / 2)]!, p99Us: durations[Math.floor(times * 0.99)]! };
}
