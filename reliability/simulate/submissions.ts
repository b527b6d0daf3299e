import type { Task } from '../../src/index.ts';
import type { TaskData } from './attempts.ts';
import type { Findings } from './findings.ts';
import type { TaskPlan, TaskType } from './plan.ts';
import type { Witness } from './witness.ts';

export type SimulatedTask = Task<TaskType, TaskData>;

/** What was submitted, and what of it was acknowledged: none of that may ever be missing. */
export class Submissions {
  readonly #witness: Witness;
  readonly #findings: Findings;
  readonly #batches = new Map<string, readonly SimulatedTask[]>();
  readonly #acknowledged = new Set<string>();
  readonly #lost = new Set<string>();
  readonly #holders = new Map<string, string>();

  constructor(witness: Witness, findings: Findings) {
    this.#witness = witness;
    this.#findings = findings;
  }

  /** The tasks of each firing of a schedule. */
  tasksOf(plan: TaskPlan, scheduleId: string): readonly SimulatedTask[] {
    return Array.from({ length: plan.count }, (_, index) => {
      const task = taskOf({ ...plan, isUnique: false }, String(index), scheduleId);
      return { ...task, data: { ...task.data, name: scheduleId } };
    });
  }

  /** Key of the task that an idempotency key was first acknowledged as. */
  holderOf(idempotencyKey: string, key: string): string {
    const first = this.#holders.get(idempotencyKey) ?? key;
    this.#holders.set(idempotencyKey, first);
    return first;
  }

  /** Makes a batch's tasks, and remembers them for a resubmission. */
  prepare(batchId: string, plans: readonly TaskPlan[]): readonly SimulatedTask[] {
    const tasks: SimulatedTask[] = [];
    for (const plan of plans) {
      for (let left = plan.count; left > 0; left--) tasks.push(taskOf(plan, String(tasks.length), batchId));
    }
    this.#batches.set(batchId, tasks);
    return tasks;
  }

  batch(batchId: string): readonly SimulatedTask[] | undefined {
    return this.#batches.get(batchId);
  }

  /** The batch was acknowledged: all of its tasks are there, and no others. */
  acknowledgeBatch(batchId: string, tasks: readonly SimulatedTask[]): void {
    if (this.#witness.removedBatches.has(batchId)) return;
    for (const { id } of tasks) this.acknowledge(`${batchId}/${id}`);
    const total = this.#witness.batches.get(batchId)?.context.totalTasks;
    if (total === undefined) this.#lose(batchId, 'acknowledged, and there is no such batch');
    else if (total > tasks.length) {
      this.#findings.add('count', `batch ${batchId} has ${total} tasks, ${tasks.length} were submitted`);
    }
  }

  acknowledge(key: string): void {
    this.#acknowledged.add(key);
    if (!this.#witness.rows.has(key)) this.#lose(key, 'acknowledged before it was durable');
  }

  /** The batch was removed, by request: nothing of it is missed. */
  forget(batchId: string): void {
    for (const key of this.#acknowledged) if (key.startsWith(`${batchId}/`)) this.#acknowledged.delete(key);
  }

  /** Whether everything that was acknowledged is still there. */
  check(): void {
    for (const key of this.#acknowledged) {
      if (!this.#witness.rows.has(key)) this.#lose(key, 'acknowledged and gone');
    }
  }

  #lose(key: string, how: string): void {
    if (this.#lost.has(key)) return;
    this.#lost.add(key);
    this.#findings.add('lost', `${key}: ${how}`);
  }
}

function taskOf(
  { count: _, attempts, behind = [], type = 'work', isUnique = false, ...options }: TaskPlan,
  id: string,
  batchId: string
): SimulatedTask {
  const dependsOn = behind
    .filter((places) => places <= Number(id))
    .map((places) => String(Number(id) - places));
  const name = `${batchId}/${id}`;
  const unique = isUnique && { idempotencyKey: name };
  return { id, type, data: { name, attempts }, dependsOn, ...unique, ...options };
}
