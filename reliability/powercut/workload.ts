import { setTimeout } from 'node:timers/promises';
import { NonRetryableError, type Handlers, type ScheduleTemplate, type Task } from '../../src/index.ts';
import type { SeededRandom } from '../../src/testing/seededRandom.ts';

/** Name of the fleet. */
export const scope = 'powercut';

export interface WorkData {
  /** How large the result is, characters. */
  readonly size: number;
}

type WorkType = 'quick' | 'slow' | 'flaky' | 'broken';

/** What a task's handler ends with at last, whatever befell the attempts before. `null`: it fails. */
export function expectedResult(type: string, key: string, { size }: WorkData): string | null {
  return type === 'broken' ? null : `${key} `.padEnd(size, '.');
}

/** Handlers of every kind of end. @param onRun - Told the key of each attempt. */
export function workHandlers(onRun: (key: string) => void = () => {}): Handlers {
  return {
    quick(data: WorkData, { key }) {
      onRun(key);
      return expectedResult('quick', key, data);
    },
    async slow(data: WorkData, { key }) {
      onRun(key);
      await setTimeout(2);
      return expectedResult('slow', key, data);
    },
    flaky(data: WorkData, { key, attempt }) {
      onRun(key);
      if (attempt === 1) throw new Error('The first attempt fails');
      return expectedResult('flaky', key, data);
    },
    broken(_: WorkData, { key }) {
      onRun(key);
      throw new NonRetryableError('It never works');
    }
  };
}

/** Tasks of all kinds, of which most complete. Some depend on the one before, some have an idempotency key. */
export function someTasks(batchId: string, count: number, random: SeededRandom): Task<WorkType, WorkData>[] {
  return Array.from({ length: count }, (_, index) => ({
    id: String(index),
    type: random.pick(['quick', 'quick', 'quick', 'slow', 'flaky', 'broken'] as const),
    // Some of several pages.
    data: { size: random.chance(0.05) ? random.integer(5_000, 20_000) : random.integer(20, 200) },
    ...(index > 0 && random.chance(0.2) && { dependsOn: [String(index - 1)] }),
    ...(random.chance(0.2) && { idempotencyKey: `${batchId} ${index}` })
  }));
}

/** What a schedule submits: a task, or a batch. */
export function someTemplate(random: SeededRandom): ScheduleTemplate<Task<WorkType, WorkData>> {
  const data = { size: random.integer(20, 2_000) };
  if (random.chance(0.5)) return { type: 'quick', data };
  return { tasks: ['0', '1'].map((id) => ({ id, type: 'slow', data })) };
}
