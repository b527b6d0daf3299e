import type { Call } from '../calls.ts';
import { tasksOf, type Kind, type TaskData } from '../kinds.ts';
import type { Entry, RemovedResult } from '../log.ts';

/** A task that somebody submitted, whether or not he heard of it. */
export interface AskedTask {
  readonly key: string;
  readonly batchId: string | null;
  readonly data: TaskData;
  /** Epoch ms; 0: at once. */
  readonly startAfter: number;
  /** Keys. */
  readonly dependsOn: readonly string[];
  /** Where in the log it was first submitted. */
  readonly index: number;
}

/** What the callers of one store asked for, and what they were told, by the log. */
export class Asked {
  readonly tasks = new Map<string, AskedTask>();
  /** Submitted and acknowledged, by batch or by key of a single task. */
  readonly acknowledged = new Set<string>();
  readonly acknowledgedSchedules = new Set<string>();
  /** By idempotency key: the keys that its task was submitted under. */
  readonly unique = new Map<string, Set<string>>();
  readonly cancelledBatches = new Cancellations();
  readonly cancelledTasks = new Cancellations();
  /** By batch: the original's id. */
  readonly retries = new Map<string, string>();
  /** Batches whose removal was asked for; `true`: and acknowledged. */
  readonly removals = new Map<string, boolean>();
  readonly removedResults = new Map<string, readonly RemovedResult[]>();

  constructor(entries: readonly Entry[]) {
    const calls = new Map<string, Call>();
    for (const [index, entry] of entries.entries()) {
      if (entry.type === 'asked') {
        calls.set(entry.call.id, entry.call);
        this.#ask(entry.call, index);
      } else if (entry.type === 'acknowledged') this.#acknowledge(calls.get(entry.callId)!, entry.value);
      else if (entry.type === 'refused') {
        const call = calls.get(entry.callId);
        if (call?.type === 'removeBatch' && entry.code === 'ERR_NOT_FOUND')
          this.removals.set(call.batchId, true);
      } else if (entry.type === 'removing') this.removedResults.set(entry.batchId, entry.results);
    }
  }

  /** Whether the task may have been cancelled. */
  mayBeCancelled({ key, batchId }: Pick<AskedTask, 'key' | 'batchId'>): boolean {
    return (
      this.cancelledTasks.asked.has(key) || (batchId !== null && this.cancelledBatches.asked.has(batchId))
    );
  }

  #ask(call: Call, index: number): void {
    switch (call.type) {
      case 'submitArray':
      case 'submitStream':
        for (const { id, data, startAfter = 0, dependsOn: ids = [] } of tasksOf(call.load)) {
          const key = `${call.batchId}/${id}`;
          const dependsOn = ids.map((other) => `${call.batchId}/${other}`);
          this.#add({ key, batchId: call.batchId, data, startAfter, dependsOn, index });
        }
        break;
      case 'submitTask':
        this.#addSingle(call, index);
        break;
      case 'submitOnce': {
        const keys = this.unique.get(call.idempotencyKey) ?? new Set();
        this.unique.set(call.idempotencyKey, keys.add(call.key));
        this.#addSingle(call, index);
        break;
      }
      case 'retryBatch':
        this.retries.set(call.newBatchId, call.batchId);
        break;
      case 'cancelBatch':
        this.cancelledBatches.asked.add(call.batchId);
        break;
      case 'cancelTask':
        this.cancelledTasks.asked.add(call.key);
        break;
      case 'removeBatch':
        if (!this.removals.has(call.batchId)) this.removals.set(call.batchId, false);
        break;
      default:
    }
  }

  #acknowledge(call: Call, value: unknown): void {
    switch (call.type) {
      case 'submitArray':
      case 'submitStream':
        this.acknowledged.add(call.batchId);
        break;
      case 'submitTask':
        this.acknowledged.add(call.key);
        break;
      case 'submitOnce':
        // Under the key of who came first.
        this.acknowledged.add(value as string);
        break;
      case 'schedule':
        this.acknowledgedSchedules.add(call.scheduleId);
        break;
      case 'retryBatch':
        this.acknowledged.add(call.newBatchId);
        break;
      case 'cancelBatch':
        if (value === true) this.cancelledBatches.confirmed.add(call.batchId);
        break;
      case 'cancelTask':
        if (value === true) this.cancelledTasks.confirmed.add(call.key);
        break;
      case 'removeBatch':
        this.removals.set(call.batchId, true);
        break;
      default:
    }
  }

  #addSingle({ key, kind }: { readonly key: string; readonly kind: Kind }, index: number): void {
    this.#add({ key, batchId: null, data: { kind, n: 1 }, startAfter: 0, dependsOn: [], index });
  }

  #add(task: AskedTask): void {
    if (!this.tasks.has(task.key)) this.tasks.set(task.key, task);
  }
}

class Cancellations {
  readonly asked = new Set<string>();
  /** Answered with `true`: it took effect. */
  readonly confirmed = new Set<string>();
}
