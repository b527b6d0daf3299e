import type { Stored } from '../chaos/oracle/stored.ts';
import type { Testimony } from './witness.ts';
import { keysOf, type BatchPlan, type Workload } from './workload.ts';

/** A promise that was not kept. */
export interface Problem {
  /** `wrong`: whatever the others have no name for. */
  readonly count: 'lost' | 'duplicated' | 'stuck' | 'wrong';
  readonly text: string;
}

/** What became of the tasks of a cycle. */
export interface Verdict {
  readonly tried: number;
  readonly problems: readonly Problem[];
}

/**
 * Judges a cycle at its end: by what its processes saw, and by what the store holds.
 *
 * A task is lost when its submission was acknowledged and nothing is known of it; duplicated when it settled twice, when two
 * runs had one number of an attempt, when the outcome of an attempt counted that was not the last, or when it ran again
 * after it had completed; stuck when it has not settled.
 */
export function judge(told: readonly Testimony[], stored: Stored, workload: Workload): Verdict {
  const problems: Problem[] = [];
  const asked = workload.batches.filter(({ id }) =>
    told.some((one) => one.type === 'asked' && one.batchId === id)
  );
  for (const batch of asked) {
    const isAcknowledged = told.some((one) => one.type === 'acknowledged' && one.batchId === batch.id);
    if (!isAcknowledged) problems.push({ count: 'stuck', text: `${batch.id} was not acknowledged` });
    for (const [index, key] of keysOf(batch).entries()) {
      const row = stored.tasks.get(key)?.row;
      if (row === undefined) {
        if (isAcknowledged)
          problems.push({ count: 'lost', text: `${key} was acknowledged, and is not there` });
        continue;
      }
      const results = stored.results.filter((result) => result.key === key);
      const isSettled = results.length > 0;
      if (!isSettled) problems.push({ count: 'stuck', text: `${key} is ${row.state}` });
      const isDeadly = batch.kinds[index] === 'deadly';
      const expected = isDeadly ? 'failed' : 'completed';
      if (isSettled && row.state !== expected && !(batch.isCancelled && row.state === 'cancelled')) {
        const why = row.context.error?.message;
        problems.push({ count: 'wrong', text: `${key} is ${row.state}, not ${expected}: ${why}` });
      }
    }
  }
  problems.push(...duplicates(told, stored), ...misheard(told, stored, asked), ...overlaps(told, asked));
  for (const one of told) {
    if (one.type === 'unhandled')
      problems.push({ count: 'wrong', text: `unhandled in ${one.pid}: ${one.error}` });
    if (one.type === 'misled')
      problems.push({ count: 'wrong', text: 'an attempt was given to a worker of another version' });
  }
  return { tried: asked.reduce((sum, { kinds }) => sum + kinds.length, 0), problems };
}

function* duplicates(told: readonly Testimony[], { tasks, results }: Stored): Generator<Problem> {
  const begun = new Map<string, Testimony>();
  const settled = new Map<string, Extract<Testimony, { type: 'settled' }>>();
  for (const one of told) {
    if (one.type === 'began') {
      const run = `attempt ${one.attempt} of ${one.key}`;
      if (begun.has(run)) yield { count: 'duplicated', text: `${run} ran twice` };
      begun.set(run, one);
      const last = tasks.get(one.key)?.row.context.attempt ?? 0;
      const isOver = settled.get(one.key)?.status === 'completed';
      // One of an earlier attempt is a worker's that does not know yet that it was given up.
      if (isOver && one.attempt > last)
        yield { count: 'duplicated', text: `${run} began when it had completed` };
    }
    if (one.type === 'settled') {
      const before = settled.get(one.key);
      // The same fact may be told again by the next manager.
      if (before !== undefined && before.settledSeq !== one.settledSeq) {
        yield { count: 'duplicated', text: `${one.key} was told to be ${before.status} and ${one.status}` };
      }
      settled.set(one.key, one);
    }
  }
  const seen = new Set<string>();
  for (const { key, status, result } of results) {
    if (seen.has(key)) yield { count: 'duplicated', text: `${key} has two results` };
    seen.add(key);
    const attempt = tasks.get(key)?.row.context.attempt;
    if (status === 'completed' && result !== String(attempt)) {
      yield {
        count: 'duplicated',
        text: `of ${key} the result of attempt ${result} counts, not of ${attempt}`
      };
    }
  }
}

/** Each client is told of each result once, and one of them of all. */
function* misheard(
  told: readonly Testimony[],
  { results }: Stored,
  asked: readonly BatchPlan[]
): Generator<Problem> {
  const heard = new Set<string>();
  for (const one of told) {
    if (one.type !== 'heard') continue;
    const hearing = `${one.pid} ${one.key}`;
    if (heard.has(hearing)) yield { count: 'duplicated', text: `a client heard of ${one.key} twice` };
    heard.add(hearing).add(one.key);
  }
  const settled = new Set(results.map(({ key }) => key));
  for (const key of asked.flatMap(keysOf)) {
    if (settled.has(key) && !heard.has(key))
      yield { count: 'stuck', text: `no client was told that ${key} has settled` };
  }
}

/**
 * More handlers than there are places for ran in a process at once. One that is deaf to its abort is not counted: its place
 * is given to the next one while it runs on.
 */
function* overlaps(told: readonly Testimony[], asked: readonly BatchPlan[]): Generator<Problem> {
  const deaf = new Set(
    asked.flatMap((batch) => keysOf(batch).filter((_, index) => batch.kinds[index] === 'wedged'))
  );
  const slots = new Map<number, number>();
  const running = new Map<number, number>();
  for (const one of told) {
    if ((one.type === 'began' || one.type === 'left') && one.attempt === 1 && deaf.has(one.key)) continue;
    const now = running.get(one.pid) ?? 0;
    if (one.type === 'offers') slots.set(one.pid, one.slots);
    if (one.type === 'left') running.set(one.pid, now - 1);
    if (one.type !== 'began') continue;
    running.set(one.pid, now + 1);
    if (now + 1 > (slots.get(one.pid) ?? 1))
      yield { count: 'wrong', text: `${now + 1} handlers ran in process ${one.pid} at once` };
  }
}
