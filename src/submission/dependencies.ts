import type { NewTask } from '../../machines/fleetCommand.ts';
import { ValidationError } from '../errors.ts';
import type { ShardedMap } from '../ledger/shardedMap.ts';
import { limits } from '../validation/limits.ts';
import { quote } from '../validation/show.ts';
import { assertId, readItems, refuse } from '../validation/validation.ts';

/** Ids of a cycle that a message shows. */
const shownOfCycle = 8;

/**
 * Validates what a task depends on, as far as one task shows it.
 *
 * @param path - What errors call it, such as `tasks[3].dependsOn`.
 * @returns `null`: nothing.
 * @throws {ValidationError} unless it is an array of ids of other tasks, each once, at most `limits.dependencies`.
 */
export function readDependencies(path: string, value: unknown, id: string): readonly string[] | null {
  if (value === undefined) return null;
  const ids = readItems(path, value, limits.dependencies, 'let a task between them depend on some');
  const indexes = new Map<string, number>();
  for (const [index, dependency] of ids.entries()) {
    const at = `${path}[${index}]`;
    assertId(at, dependency);
    if (dependency === id) refuse(at, dependency, 'the id of another task; it is its own');
    const first = indexes.get(dependency);
    if (first !== undefined) refuse(at, dependency, `named once; ${path}[${first}] names it too`);
    indexes.set(dependency, index);
  }
  return ids.length === 0 ? null : (ids as string[]);
}

/**
 * Puts tasks after those that they depend on; others keep their places. O(n + e), with no recursion.
 *
 * @param indexes - Where each task is, by its id.
 * @throws {ValidationError} naming a task that depends on one that is not there, or a cycle.
 */
export function inOrderOfDependencies(
  tasks: readonly NewTask[],
  indexes: Pick<ShardedMap<number>, 'get'>
): readonly NewTask[] {
  if (tasks.every(({ dependsOn }) => dependsOn === null)) return tasks;
  const ordered: NewTask[] = [];
  /** How many dependencies of a task have been looked at; its length + 1: the task has its place. */
  const looked = new Uint16Array(tasks.length);
  const begun = new Uint8Array(tasks.length);
  /** From a task to the one that it depends on, and on. */
  const path: number[] = [];
  for (let root = 0; root < tasks.length; root++) {
    if (begun[root] === 0) path.push(root);
    while (path.length > 0) {
      const index = path.at(-1)!;
      begun[index] = 1;
      const { dependsOn } = tasks[index]!;
      const at = looked[index]!++;
      if (at === (dependsOn?.length ?? 0)) {
        ordered.push(tasks[index]!);
        path.pop();
        continue;
      }
      const next = indexes.get(dependsOn![at]!);
      if (next === undefined) {
        refuse(`tasks[${index}].dependsOn[${at}]`, dependsOn![at], 'the id of a task of this batch');
      }
      if (begun[next] === 0) path.push(next);
      else if (looked[next]! <= (tasks[next]!.dependsOn?.length ?? 0)) refuseCycle(tasks, path, next);
    }
  }
  return ordered;
}

/** @param path - Ends with a task that depends on the one at `first`, which is in it. */
function refuseCycle(tasks: readonly NewTask[], path: readonly number[], first: number): never {
  const cycle = path.slice(path.indexOf(first));
  const ids = cycle.slice(0, shownOfCycle).map((index) => quote(tasks[index]!.id));
  if (cycle.length > shownOfCycle) ids.push(`${cycle.length - shownOfCycle} more`);
  const shown = [...ids, quote(tasks[first]!.id)].join(' -> ');
  throw new ValidationError(`tasks[${first}].dependsOn`, `in the cycle ${shown}`, 'free of cycles');
}
