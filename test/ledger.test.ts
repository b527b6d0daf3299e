import { describe, expect, it } from 'vitest';
import { defaultFleetConfig } from '../machines/fleetConfig.ts';
import { claimTasks } from '../src/attemptRules.ts';
import { Ledger } from '../src/ledger.ts';
import { nothingFound } from '../src/lookups.ts';
import { Turn } from '../src/turn.ts';
import { now } from './stores/rows.ts';

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
    const taken = kept.map(() => (startAfter === null ? popNext(ledger) : ledger.due.popDue(startAfter)));
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
function popNext({ queue }: Ledger): number {
  return queue.pop(queue.best({ key: '', tags: new Set() }, () => true)!);
}

/** Takes a turn. */
function commit<T>(ledger: Ledger, step: (turn: Turn) => T): T {
  const turn = new Turn(ledger, {
    at: now,
    activeNow: 0,
    random: () => 0.5,
    config: defaultFleetConfig,
    isDispatching: true,
    types: new Set(['work']),
    canEndHandlers: false,
    tellsTasks: false,
    found: nothingFound
  });
  const done = step(turn);
  turn.finish();
  turn.apply();
  return done;
}

function addTasks(turn: Turn, count: number, startAfter: number | null): number[] {
  return Array.from({ length: count }, (_, index) => {
    const id = String(index);
    const limits = { priority: 5, tags: [], timeoutMs: null, maxRetries: null, startAfter, retryOf: null };
    const carried = { data: 'null', metadata: null, dependsOn: null, idempotencyKey: null };
    return turn.addTask({ id, key: id, type: 'work', ...limits, ...carried }, null).context.seq;
  });
}

function cancelTasks(turn: Turn, seqs: readonly number[]): void {
  const error = { name: 'TaskCancelledError', message: 'cancelled', retryable: false };
  for (const seq of seqs) turn.stepTask(turn.task(seq)!, { type: 'task.cancel', at: now, error });
}
