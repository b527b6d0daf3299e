import { describe, expect, it } from 'vitest';
import { defaultFleetConfig } from '../../machines/fleetConfig.ts';
import type { WorkerReport } from '../../machines/workerMachine.ts';
import { nothingFound } from '../../src/journal/lookups.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { claimTasks, enforceDeadlines } from '../../src/turn/attemptRules.ts';
import { Turn } from '../../src/turn/turn.ts';
import type { TurnContext } from '../../src/turn/turnContext.ts';
import { now } from '../stores/rows.ts';

const year = 365 * 24 * 3_600_000;

describe('what the ledger holds', () => {
  it.each([
    ['scheduled for next year', now + year],
    ['queued', null]
  ])('of tasks that are cancelled while they are %s is bounded', (_, startAfter) => {
    const ledger = new Ledger();
    for (let round = 0; round < 5; round++) {
      const seqs = commit(ledger, (turn) => addTasks(turn, 2_000, startAfter));
      expect(ledger.due.size + ledger.queue.size).toBeGreaterThanOrEqual(2_000);
      commit(ledger, (turn) => cancelTasks(turn, seqs));
    }

    expect(ledger.tasks.size).toBe(0);
    expect(ledger.due.size + ledger.queue.size).toBeLessThanOrEqual(1_000);
  });

  it.each([
    ['scheduled', now + year],
    ['queued', null]
  ])('of tasks that stay %s is kept in their order while others are cancelled', (_, startAfter) => {
    const ledger = new Ledger();
    const seqs = commit(ledger, (turn) => addTasks(turn, 6_000, startAfter));
    const kept = seqs.filter((seq) => seq % 5 === 0);
    commit(ledger, (turn) =>
      cancelTasks(
        turn,
        seqs.filter((seq) => seq % 5 !== 0)
      )
    );

    expect(ledger.due.size + ledger.queue.size).toBe(kept.length);
    const taken = kept.map(() =>
      startAfter === null ? popNext(ledger) : ledger.due.popDue(startAfter)?.seq
    );
    expect(taken).toEqual(kept);
  });
});

describe('tasks that nobody who waits wants', () => {
  it('leave the queue once, and are bounded when they are cancelled', () => {
    const ledger = new Ledger();
    ledger.requests.add({ id: 'request', workerId: 'w', types: new Set(['other']) });
    for (let round = 0; round < 5; round++) {
      const seqs = commit(ledger, (turn) => addTasks(turn, 2_000, null));
      commit(ledger, (turn) => claimTasks(turn, ledger, 4_000));
      expect(ledger.queue.size).toBe(0);
      expect(ledger.unwanted.size).toBeGreaterThanOrEqual(2_000);
      commit(ledger, (turn) => cancelTasks(turn, seqs));
    }

    expect(ledger.unwanted.size).toBeLessThanOrEqual(1_000);
  });

  it('come back one for each worker that wants one, the first first', () => {
    const ledger = new Ledger();
    ledger.requests.add({ id: 'other', workerId: 'w', types: new Set(['other']) });
    const [first] = commit(ledger, (turn) => addTasks(turn, 2_000, null));
    commit(ledger, (turn) => claimTasks(turn, ledger, 4_000));
    ledger.requests.add({ id: 'request', workerId: 'w', types: new Set(['work']) });
    const started = commit(ledger, (turn) => {
      claimTasks(turn, ledger, 4_000);
      return turn.started.map(({ context }) => context.seq);
    });

    expect(started).toEqual([first]);
    expect(ledger.queue.size).toBe(0);
    expect(ledger.unwanted.size).toBe(1_999);
  });
});

describe('a turn that is undone', () => {
  it('leaves no handler lingering that it had begin to linger and given up', () => {
    const ledger = new Ledger();
    ledger.roster.record(ready);
    const noGrace = { ...defaultFleetConfig, cancelGraceMs: 0, workerTimeout: 100 };
    commit(ledger, (turn) => addTasks(turn, 1, null));
    commit(ledger, (turn) => claimTasks(turn, ledger, 4_000), { config: noGrace });
    const turn = turnOf(ledger, { config: noGrace, activeNow: 100 });
    enforceDeadlines(turn, ledger);
    expect(turn.wedgedWorkers).toEqual(['worker-1']);
    turn.undo();

    expect(ledger.lingering.size).toBe(0);
    expect(ledger.givenUp.size).toBe(0);
    expect(ledger.typeUse.running('work')).toBe(1);
    expect(ledger.roster.get('worker-1')).toMatchObject({ accepting: true, lingering: new Set() });
  });

  it('parks no task of a batch that it paused', () => {
    const ledger = new Ledger();
    ledger.roster.record(ready);
    commit(ledger, (turn) => addBatch(turn, 'b', 2));
    const turn = turnOf(ledger);
    turn.stepBatch(turn.batch('b')!, { type: 'batch.pause' });
    claimTasks(turn, ledger, 4_000);
    expect(ledger.parked.get('b')).toHaveLength(2);
    turn.undo();

    expect(ledger.parked.size).toBe(0);
    expect(ledger.queue.size).toBe(2);
  });
});

const ready: WorkerReport = {
  type: 'worker.ready',
  slot: 'worker-1',
  workerId: 'worker-1',
  concurrency: 1,
  prefetch: 0,
  tasksPerWorker: null,
  tags: [],
  types: null,
  spawnedAt: now,
  problem: null
};

function popNext({ queue }: Ledger): number {
  return queue.pop(queue.best({ key: '', tags: new Set(), types: null }, () => true)!);
}

/** Takes a turn. */
function commit<T>(ledger: Ledger, step: (turn: Turn) => T, context: Partial<TurnContext> = {}): T {
  const turn = turnOf(ledger, context);
  const done = step(turn);
  turn.finish();
  turn.apply();
  return done;
}

function turnOf(ledger: Ledger, context: Partial<TurnContext> = {}): Turn {
  return new Turn(ledger, {
    at: now,
    activeNow: 0,
    random: () => 0.5,
    config: defaultFleetConfig,
    isDispatching: true,
    types: new Set(['work']),
    canEndHandlers: false,
    isRemote: false,
    tellsTasks: false,
    keepsSteps: false,
    found: nothingFound,
    ...context
  });
}

function addBatch(turn: Turn, id: string, count: number): void {
  const batch = turn.createBatch(id, null);
  const seqs = addTasks(turn, count, null, id);
  const added = { count, firstSeq: seqs[0]!, lastSeq: seqs.at(-1)! };
  turn.stepBatch(turn.stepBatch(batch, { type: 'tasks.added', ...added }), { type: 'batch.seal', at: now });
}

function addTasks(
  turn: Turn,
  count: number,
  startAfter: number | null,
  batchId: string | null = null
): number[] {
  return Array.from({ length: count }, (_, index) => {
    const id = String(index);
    const limits = { priority: 5, tags: [], timeoutMs: null, maxRetries: null, startAfter, retryOf: null };
    const carried = { data: 'null', metadata: null, dependsOn: null, idempotencyKey: null };
    return turn.addTask({ id, key: id, type: 'work', ...limits, ...carried }, batchId).context.seq;
  });
}

function cancelTasks(turn: Turn, seqs: readonly number[]): void {
  const error = { name: 'TaskCancelledError', message: 'cancelled', retryable: false };
  for (const seq of seqs) turn.stepTask(turn.task(seq)!, { type: 'task.cancel', at: now, error });
}
