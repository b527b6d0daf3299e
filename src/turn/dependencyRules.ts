import type { NewTask } from '../../machines/fleetCommand.ts';
import type { TaskError } from '../../machines/task.ts';
import { ValidationError } from '../errors.ts';
import { taskLifecycle } from '../ledger/lifecycles.ts';
import type { TaskRow } from '../store.ts';
import { taskKey } from '../submission/taskKey.ts';
import { quote } from '../validation/show.ts';
import type { Turn } from './turn.ts';

/** Keys of what tasks of a batch depend on, but for those that come with them. */
export function outsideDependencies(batchId: string, tasks: readonly NewTask[]): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const { dependsOn } of tasks) for (const id of dependsOn ?? []) ids.add(id);
  if (ids.size > 0) for (const { id } of tasks) ids.delete(id);
  return new Set([...ids].map((id) => taskKey(batchId, id)));
}

/**
 * What comes later cannot be waited for: it might never come, or find no room in a queue that is full of those who
 * wait for it.
 *
 * @throws {ValidationError} unless all that new tasks depend on is in the batch, or comes before them.
 */
export function assertDependencies(turn: Turn, batchId: string, tasks: readonly NewTask[]): void {
  if (tasks.every(({ dependsOn }) => dependsOn === null)) return;
  const earlier = new Set<string>();
  for (const task of tasks) {
    const unknown = task.dependsOn?.find(
      (id) => !earlier.has(id) && turn.taskByKey(taskKey(batchId, id)) === undefined
    );
    if (unknown !== undefined) {
      const argument = `dependsOn of task ${quote(task.id)}`;
      throw new ValidationError(
        argument,
        quote(unknown),
        'the id of a task that came before it in its batch'
      );
    }
    earlier.add(task.id);
  }
}

/** Adds a task of a batch. What it depends on is there; it may have settled already. */
export function addDependent(turn: Turn, batchId: string, task: NewTask): TaskRow {
  if (task.dependsOn === null) return turn.addTask(task, batchId);
  const blockedBy: number[] = [];
  let failed: TaskRow | undefined;
  for (const id of task.dependsOn) {
    const row = turn.taskByKey(taskKey(batchId, id))!;
    if (!taskLifecycle.isFinal(row.state)) blockedBy.push(row.context.seq);
    else if (row.state !== 'completed') failed ??= row;
  }
  if (failed === undefined) return turn.addTask(task, batchId, blockedBy.length > 0 ? blockedBy : null);
  const { at } = turn.context;
  const error = dependencyError(failed.context.key, failed.state);
  return turn.stepTask(turn.addTask(task, batchId, blockedBy), { type: 'dependency.failed', at, error });
}

/** Tells tasks of what they depend on: the last completion queues them, and anything else cancels them, in a cascade. */
export function tellDependents(turn: Turn, budget: number): void {
  const { at } = turn.context;
  for (let left = budget; left > 0; left--) {
    const told = turn.tellNextDependent();
    if (told === undefined) return;
    const row = turn.task(told.dependent);
    if (row?.state !== 'blocked') continue;
    const { key, status } = told.news;
    if (status !== 'completed') {
      // A cancelled batch's tasks are settled by its sweep.
      if (turn.batch(row.context.batchId!)?.state === 'cancelling') continue;
      turn.stepTask(row, { type: 'dependency.failed', at, error: dependencyError(key, status) });
    } else if (told.isLast) turn.stepTask(row, { type: 'dependencies.completed', at });
  }
}

function dependencyError(key: string, status: TaskRow['state']): TaskError {
  const word = status === 'timedOut' ? 'timed out' : status === 'cancelled' ? 'was cancelled' : status;
  return {
    name: 'DependencyError',
    message: `Depends on task ${quote(key)}, which ${word}`,
    code: 'ERR_DEPENDENCY',
    retryable: false
  };
}
