import { taskLifecycle } from '../../../src/ledger/lifecycles.ts';
import type { StoredResult, StoredTask } from '../../../src/store.ts';
import { kindOf, valueOf } from '../kinds.ts';
import type { Entry } from '../log.ts';
import type { Asked, AskedTask } from './asked.ts';
import { firedTasks } from './firings.ts';
import { Lives } from './lives.ts';
import type { Problem } from './problem.ts';
import type { Stored } from './stored.ts';

/** Holds every task that was acknowledged against the rows, the results and the effects that are left. */
export function checkTasks(entries: readonly Entry[], asked: Asked, stored: Stored): Problem[] {
  const handlers = new HandlerRecord(entries);
  const results = groupByKey(stored.results);
  const lives = new Lives(entries);
  const problems: Problem[] = [];
  const tasks = [...asked.tasks.values(), ...retriedTasks(asked, stored), ...firedTasks(stored)];
  for (const task of tasks) {
    const { key } = task;
    const found = stored.tasks.get(key);
    const report = (count: Problem['count'], text: string) =>
      problems.push({ count, text: `${key} ${text}`, key });
    const removal = asked.removals.get(task.batchId ?? '');
    if (removal === true && found !== undefined) report('wrong', 'is there after its batch was removed');
    if (removal !== undefined) continue;
    if (found === undefined) {
      if (asked.acknowledged.has(task.batchId ?? key)) report('lost', 'was acknowledged and is not there');
      continue;
    }
    checkTask({ task, found, results: results.get(key) ?? [], handlers, lives, asked, report });
  }
  const known = new Set(tasks.map(({ key }) => key));
  for (const key of stored.tasks.keys()) {
    if (!known.has(key)) problems.push({ count: 'wrong', text: `${key} was never submitted`, key });
  }
  for (const [idempotencyKey, keys] of asked.unique) {
    const there = [...keys].filter((key) => stored.tasks.has(key));
    if (there.length > 1) {
      problems.push({ count: 'duplicated', text: `${there.join(' and ')} are both ${idempotencyKey}` });
    }
  }
  return problems;
}

interface Case {
  readonly task: AskedTask;
  readonly found: StoredTask;
  readonly results: readonly StoredResult[];
  readonly handlers: HandlerRecord;
  readonly lives: Lives;
  readonly asked: Asked;
  readonly report: (count: Problem['count'], text: string) => void;
}

function checkTask(checked: Case): void {
  const { task, found, results, report } = checked;
  const { state } = found.row;
  if (!taskLifecycle.isFinal(state)) return report('stuck', `is ${state}`);
  if (results.length === 0) return report('lost', `is ${state} and has no result`);
  if (results.length > 1) report('duplicated', `has ${results.length} results`);
  const [result] = results;
  if (result!.status !== state) report('wrong', `is ${state}, its result ${result!.status}`);
  checkStatus(checked);
  if (state === 'completed') {
    const expected = JSON.stringify(valueOf(task.key, task.data));
    if (result!.result !== expected) report('wrong', `has the result ${result!.result}, not ${expected}`);
    if (!checked.handlers.hasEffect(task.key, found.row.context.attempt)) {
      report('wrong', `completed with attempt ${found.row.context.attempt}, which had no effect`);
    }
  }
  checkCharges(checked);
}

function checkStatus({ task, found, asked, report }: Case): void {
  const { state } = found.row;
  const { settles } = kindOf(task.data.kind);
  const isCancelled = state === 'cancelled';
  if (isCancelled ? !asked.mayBeCancelled(task) : state !== settles) {
    report('wrong', `is ${state}, not ${settles}`);
  }
  if (asked.cancelledTasks.confirmed.has(task.key) && !isCancelled) {
    report('wrong', `is ${state} after its cancellation was acknowledged`);
  }
}

/** What the task is charged with has to be what happened to its attempts. */
function checkCharges({ task, found, handlers, lives, report }: Case): void {
  const { key, data, index } = task;
  const { state, context } = found.row;
  const { attempt: attempts, failures, recoveries } = context;
  const { failures: expected, isUpTo = false } = kindOf(data.kind);
  const isCancelled = state === 'cancelled';
  const isCharged = isUpTo || isCancelled ? failures <= expected : failures === expected;
  if (!isCharged) report('wrong', `is charged with ${failures} failures, not ${expected}`);

  const [kills, stops] = [lives.killsOf(key, index), lives.stopsOf(key, index)];
  if (recoveries > kills)
    report('wrong', `is charged with ${recoveries} recoveries; there were ${kills} kills`);

  // What is left of its attempts was released by a stop, or cut by its cancellation.
  const others = attempts - failures - recoveries - (state === 'completed' ? 1 : 0);
  const mostOthers = stops + (isCancelled ? 1 : 0);
  if (others < 0 || others > mostOthers) {
    report(
      'wrong',
      `made ${attempts} attempts, of which ${others} are neither charged nor cut by ${stops} stops`
    );
  }
  const begun = handlers.begunOf(key);
  const lost = recoveries + (isCancelled ? 1 : 0);
  if (begun > attempts || begun < attempts - lost) {
    report(
      'wrong',
      `made ${attempts} attempts, ${recoveries} of them lost, and its handler began ${begun} times`
    );
  }
}

/** Attempts whose handlers began and had their effect. */
class HandlerRecord {
  readonly #begun = new Map<string, number>();
  readonly #effects = new Set<string>();

  constructor(entries: readonly Entry[]) {
    for (const entry of entries) {
      if (entry.type === 'began') this.#begun.set(entry.key, this.begunOf(entry.key) + 1);
      if (entry.type === 'effect') this.#effects.add(`${entry.key} ${entry.attempt}`);
    }
  }

  begunOf(key: string): number {
    return this.#begun.get(key) ?? 0;
  }

  hasEffect(key: string, attempt: number): boolean {
    return this.#effects.has(`${key} ${attempt}`);
  }
}

/** Copies of what did not complete: these the batches that retry others have to hold. */
function* retriedTasks(asked: Asked, { tasks }: Stored): Generator<AskedTask> {
  for (const [newBatchId, batchId] of asked.retries) {
    for (const task of asked.tasks.values()) {
      if (task.batchId !== batchId || tasks.get(task.key)?.row.state === 'completed') continue;
      const key = `${newBatchId}/${task.key.slice(batchId.length + 1)}`;
      yield { ...task, key, batchId: newBatchId, startAfter: 0, dependsOn: [] };
    }
  }
}

function groupByKey(results: readonly StoredResult[]): Map<string, StoredResult[]> {
  const groups = new Map<string, StoredResult[]>();
  for (const result of results) {
    const group = groups.get(result.key);
    if (group) group.push(result);
    else groups.set(result.key, [result]);
  }
  return groups;
}
