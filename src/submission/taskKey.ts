import { stringifyJson } from '../validation/jsonText.ts';

/** Key of a task of a batch. A batch id has no slash, so the first one ends it. */
export function taskKey(batchId: string, id: string): string {
  return `${batchId}/${id}`;
}

/** A task's key without its batch. */
export function taskIdOf(key: string, batchId: string | null): string {
  return batchId === null ? key : key.slice(batchId.length + 1);
}

/** Names what a worker outside submits once for each task and attempt. */
export function submittedResultKey(workerId: string, key: string, attempt: number): string {
  return stringifyJson([workerId, key, attempt]);
}

/** Key of a result from outside the fleet. No task's key begins with a slash, so it is never taken for one's. */
export function externalKey(workerId: string, key: string): string {
  return `/${workerId}/${key}`;
}

/** Whether no task of the fleet has the key: a worker outside handed the result in. */
export function isExternalKey(key: string): boolean {
  return key.startsWith('/');
}
