import type { RecordedStep, RecordedTurn, Recording } from '../../src/recording/recording.ts';

export const recordingStart = Date.UTC(2026, 10, 21, 9, 30);

const states: Recording['states'] = {
  task: [],
  batch: [],
  schedule: [],
  worker: [],
  fleet: [],
  coordinator: [],
  autoscaler: []
};

/** A recording with nothing in it, but for `changes`. */
export function recordingWith(changes: Partial<Recording> = {}): Recording {
  return {
    version: 1,
    name: 'images',
    startedAt: recordingStart,
    endedAt: recordingStart,
    states,
    tasks: [],
    batches: [],
    schedules: [],
    workers: [],
    initial: { tasks: {}, batches: {} },
    turns: [],
    sessions: [{ startedAt: recordingStart, firstTurn: 0 }],
    omittedSteps: 0,
    ending: 'stopped',
    ...changes
  };
}

/**
 * A run in which batches of 100 tasks go over workers, and a task may fail, be retried, time out or lose its worker.
 *
 * @param random - In [0, 1).
 */
export function recordRun(taskCount: number, random: () => number, workerCount = 8): Recording {
  const batchCount = Math.ceil(taskCount / 100);
  const batches = Array.from({ length: batchCount }, (_, index) => `thumbnails-${index + 1}`);
  const workers = Array.from({ length: workerCount }, (_, index) => `worker-${index + 1}`);
  const tasks = Array.from({ length: taskCount }, (_, index) => {
    const batchId = batches[Math.floor(index / 100)] ?? '';
    return { key: `${batchId}/image-${index + 1}`, batchId, type: index % 3 === 0 ? 'crop' : 'resize' };
  });
  const run = new Run();
  run.turn({ 'fleet.start': 1 }, [
    { machine: 'fleet', subject: 0, event: null, from: null, to: 'operation.recovering journal.clean' },
    { machine: 'autoscaler', subject: 0, event: null, from: null, to: 'manual' },
    {
      machine: 'fleet',
      subject: 0,
      event: 'recover.done',
      from: 'operation.recovering journal.clean',
      to: 'operation.running journal.clean'
    },
    ...workers.flatMap((_, subject): RecordedStep[] => [
      { machine: 'worker', subject, event: null, from: null, to: 'spawning' },
      { machine: 'worker', subject, event: 'startWorker.done', from: 'spawning', to: 'idle' }
    ])
  ]);
  for (const batch of batches.keys()) {
    const own = [...tasks.keys()].slice(batch * 100, batch * 100 + 100);
    run.turn({ 'batch.submit': 1 }, [
      { machine: 'batch', subject: batch, event: null, from: null, to: 'accepting' },
      ...own.map((subject): RecordedStep => ({
        machine: 'task',
        subject,
        event: null,
        from: null,
        to: 'queued'
      })),
      { machine: 'batch', subject: batch, event: 'batch.seal', from: 'accepting', to: 'pending' },
      { machine: 'batch', subject: batch, event: 'tasks.counted', from: 'pending', to: 'processing' }
    ]);
    runBatch(run, own, workers, random);
    run.turn({}, [
      { machine: 'batch', subject: batch, event: 'tasks.counted', from: 'processing', to: 'partial' }
    ]);
  }
  return recordingWith({ endedAt: run.at, tasks, batches, workers, turns: run.turns });
}

class Run {
  readonly turns: RecordedTurn[] = [];
  at = recordingStart;

  turn(inputs: Readonly<Record<string, number>>, steps: readonly RecordedStep[]): void {
    this.at += 40;
    this.turns.push({
      turn: this.turns.length + 1,
      at: this.at,
      commitMs: 2 + (this.turns.length % 5),
      inputs,
      steps
    });
  }
}

function runBatch(run: Run, own: readonly number[], workers: readonly string[], random: () => number): void {
  const queue = own.map((subject) => ({ subject, attempt: 1 }));
  while (queue.length > 0) {
    const taken = queue.splice(0, workers.length);
    const begun = taken.flatMap(({ subject, attempt }, index): RecordedStep[] => [
      {
        machine: 'task',
        subject,
        event: 'task.claim',
        from: 'queued',
        to: 'dispatched',
        detail: { attempt, workerId: workers[index] ?? '' }
      },
      { machine: 'task', subject, event: 'attempt.started', from: 'dispatched', to: 'running' },
      { machine: 'worker', subject: index, event: 'attempts.begun', from: 'idle', to: 'busy' }
    ]);
    run.turn({ 'attempt.started': taken.length }, begun);
    const retried: { readonly subject: number; readonly attempt: number }[] = [];
    const ended = taken.flatMap(({ subject, attempt }, index): RecordedStep[] => {
      const worker: RecordedStep = {
        machine: 'worker',
        subject: index,
        event: 'attempts.ended',
        from: 'busy',
        to: 'idle'
      };
      const chance = random();
      const error = `ENOENT: no such file or directory, open 'images/${subject}.png'`;
      const step = { machine: 'task', subject, from: 'running' } as const;
      if (chance < 0.85) return [{ ...step, event: 'attempt.completed', to: 'completed' }, worker];
      if (chance < 0.87)
        return [
          {
            ...step,
            event: 'attempt.timedOut',
            to: 'timedOut',
            detail: { error: 'The attempt took longer than 30 ms' }
          },
          worker
        ];
      if (chance < 0.9 || attempt > 2)
        return [{ ...step, event: 'attempt.failed', to: 'failed', detail: { error, attempt } }, worker];
      retried.push({ subject, attempt: attempt + 1 });
      if (chance < 0.92)
        return [
          { ...step, event: 'attempt.lost', to: 'queued', detail: { reason: 'the worker died' } },
          worker
        ];
      return [
        {
          ...step,
          event: 'attempt.failed',
          to: 'backingOff',
          detail: { error, attempt, retryAt: run.at + 80 }
        },
        worker
      ];
    });
    run.turn({ 'attempt.settled': taken.length }, ended);
    const waiting = new Set(ended.filter(({ to }) => to === 'backingOff').map(({ subject }) => subject));
    const due = retried.filter(({ subject }) => waiting.has(subject));
    if (due.length > 0) {
      run.turn(
        {},
        due.map(({ subject }): RecordedStep => ({
          machine: 'task',
          subject,
          event: 'task.due',
          from: 'backingOff',
          to: 'queued'
        }))
      );
    }
    queue.push(...retried);
  }
}
