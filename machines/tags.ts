import type { FleetConfig } from './fleetConfig.ts';

/** No tags: of a task that runs anywhere, and of a worker that only takes such tasks. */
export const noTags: readonly string[] = [];

/** All tags of both, sorted, each once. */
export function unionOfTags(left: readonly string[], right: readonly string[]): readonly string[] {
  if (right.length === 0) return left;
  return left.length === 0 ? right : [...new Set([...left, ...right])].sort();
}

/** What the n-th slot offers, from 1. */
export function tagsOfSlot({ workerGroups }: FleetConfig, number: number): readonly string[] {
  let last = 0;
  for (const { tags, workers } of workerGroups) {
    last += workers;
    if (number <= last) return tags;
  }
  return noTags;
}
