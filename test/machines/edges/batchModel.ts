import { noTaskCounts, type TaskCounts } from '../../../machines/batch.ts';
import { batchMachine, type BatchContext } from '../../../machines/batchMachine.ts';
import { modelOf } from './model.ts';

const at = Date.UTC(2026, 0, 1);

function counted(countsOf: (total: number) => Partial<TaskCounts>) {
  return ({ totalTasks }: BatchContext) => ({ at, counts: { ...noTaskCounts, ...countsOf(totalTasks) } });
}

export const batchModel = modelOf(batchMachine, {
  input: { id: 'b1', metadata: null, createdAt: at },
  events: {
    'batch.seal': [{ at }],
    'batch.pause': [{}],
    'batch.resume': [{}],
    'batch.cancel': [{ at }],
    'tasks.added': [{ count: 2, firstSeq: 1, lastSeq: 2 }],
    'tasks.counted': [
      counted((total) => ({ queued: total })),
      counted((total) => ({ running: total })),
      counted((total) => ({ completed: total })),
      counted((total) => ({ failed: total })),
      counted((total) => ({ completed: total / 2, cancelled: total / 2 }))
    ]
  },
  // However many more are added, it makes no difference.
  serializeState: ({ context: { counts, totalTasks, startedAt, settledAt } }) => [
    Object.entries(counts)
      .filter(([, count]) => count > 0)
      .map(([status]) => status),
    totalTasks > 0,
    startedAt,
    settledAt
  ],
  requiredEvents: {
    'batch.cancel': ['accepting', 'pending', 'processing', 'paused'],
    'tasks.counted': ['*'],
    'batch.pause': ['pending', 'processing'],
    'batch.resume': ['paused']
  }
});
