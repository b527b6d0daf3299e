import { finalBatchStates, liveBatchStates } from '../../machines/batch.ts';

/** SQL for the states of batches that have not settled, ... */
export const liveStates = listOf(liveBatchStates);

/** ... and of those that have. */
export const finalStates = listOf(finalBatchStates);

function listOf(states: readonly string[]): string {
  return `(${states.map((state) => `'${state}'`).join(', ')})`;
}
