import type { SeededRandom } from '../../src/testing/seededRandom.ts';
import { sameData } from './sameData.ts';
import { anyJson } from './values.ts';

export interface GoodTask {
  readonly id: string;
  readonly type: string;
  readonly data?: unknown;
  readonly metadata?: unknown;
  readonly priority?: number;
  readonly timeoutMs?: number;
  readonly maxRetries?: number;
}

export function tasks(random: SeededRandom): GoodTask[] {
  return Array.from({ length: random.integer(1, 3) }, (_, index) => ({
    id: `task ${index}`,
    type: 'echo',
    data: anyJson(random, 3),
    ...taskOptions(random)
  }));
}

export function taskOptions(random: SeededRandom) {
  return {
    priority: random.pick([0, -1.5, 1e308]),
    timeoutMs: random.pick([1, 0.5, 2 ** 40]),
    maxRetries: random.integer(0, 3),
    ...random.pick([{}, { delayMs: 2 ** 33 }, { startAfter: 8.64e15 }]),
    metadata: anyJson(random, 1)
  };
}

/** The field that is not as it was given. */
export function difference(given: GoodTask, stored: GoodTask): string | null {
  for (const field of ['id', 'type', 'timeoutMs', 'maxRetries'] as const)
    if (!sameData(given[field], stored[field])) return field;
  if ((given.priority ?? 5) + 0 !== stored.priority) return 'priority';
  if (!sameData(given.data ?? null, stored.data)) return 'data';
  return given.metadata == null || sameData(given.metadata, stored.metadata) ? null : 'metadata';
}
