import { LiveCounts } from '../../../src/journal/liveCounts.ts';
import { isHeld, type Ledger } from '../../../src/ledger/ledger.ts';
import { batchLifecycle, scheduleLifecycle, taskLifecycle } from '../../../src/ledger/lifecycles.ts';
import { attemptKey } from '../../../src/ledger/roster.ts';
import type { BatchRow, LedgerHead, ScheduleRow, TaskRow } from '../../../src/store.ts';
import { Everything } from '../../../src/turn/everything.ts';
import { covers } from '../../../src/validation/tags.ts';

/** What a store has of a fleet. */
export interface StoredRows {
  readonly head: LedgerHead;
  readonly tasks: readonly TaskRow[];
  readonly batches: readonly BatchRow[];
  readonly schedules: readonly ScheduleRow[];
}

/**
 * Compares all that a ledger derives with what the rows of the store say, looked through from their beginning.
 *
 * @returns What does not agree, in words.
 */
export function differencesOf(ledger: Ledger, stored: StoredRows): string[] {
  const live = stored.tasks.filter(({ state }) => !taskLifecycle.isFinal(state));
  return [
    ...rowsOf(ledger, stored, live),
    ...waitingOf(ledger, live),
    ...holdingsOf(ledger, live),
    ...kindsOf(ledger, live),
    ...dependenciesOf(ledger, stored, live)
  ];
}

function rowsOf(
  ledger: Ledger,
  { head, batches, schedules }: StoredRows,
  live: readonly TaskRow[]
): string[] {
  const found: string[] = [];
  if (ledger.tasks.size !== live.length) found.push(`holds ${ledger.tasks.size} tasks of ${live.length}`);
  for (const row of live) same(found, `task ${row.context.key}`, ledger.tasks.get(row.context.seq), row);
  const open = batches.filter(({ state }) => !batchLifecycle.isFinal(state));
  if (ledger.batches.size !== open.length)
    found.push(`holds ${ledger.batches.size} batches of ${open.length}`);
  for (const row of open) same(found, `batch ${row.context.id}`, ledger.batches.get(row.context.id), row);
  if (ledger.schedules.size !== schedules.length) found.push('holds other schedules than the store');
  for (const row of schedules) {
    same(found, `schedule ${row.context.id}`, ledger.schedules.get(row.context.id), row);
    if (scheduleLifecycle.isFinal(row.state) && row.context.dueAt !== null) found.push('fires after its end');
  }
  same(found, 'head', ledger.head, head);
  const counts = new LiveCounts();
  for (const row of live) counts.add(row);
  const problem = counts.problem(head, open);
  if (problem !== null) found.push(problem);
  return found;
}

/** Each task that waits is somewhere from where it goes on. */
function waitingOf(ledger: Ledger, live: readonly TaskRow[]): string[] {
  const found: string[] = [];
  const queued = new Set<number>();
  const note = (seq: number): boolean => queued.add(seq) !== undefined;
  ledger.queue.retain(note);
  ledger.unwanted.retain(note);
  for (const [id, entries] of ledger.parked) {
    if (ledger.batches.get(id)?.state !== 'paused' && ledger.batches.get(id)?.state !== 'cancelling') {
      found.push(`parks tasks of batch ${id}, which is not paused`);
    }
    for (const { seq } of entries) queued.add(seq);
  }
  for (const entries of ledger.unhandled.values()) for (const { seq } of entries) queued.add(seq);
  const due = new Map<number, number>();
  ledger.due.retain((seq, dueAt) => {
    const isKept = ledger.tasks.get(seq)?.context.dueAt === dueAt;
    if (isKept) due.set(seq, dueAt);
    return isKept;
  });
  for (const { state, context } of live) {
    const { seq, key, dueAt } = context;
    if (state === 'queued' && !queued.has(seq)) found.push(`has lost queued task ${key}`);
    if ((state === 'scheduled' || state === 'backingOff') && due.get(seq) !== dueAt) {
      found.push(`has lost the time of task ${key}`);
    }
  }
  return found;
}

/** Who holds what, and what it takes of the limits. */
function holdingsOf(ledger: Ledger, live: readonly TaskRow[]): string[] {
  const found: string[] = [];
  const held = live.filter(({ state }) => isHeld(state));
  const running = new Map<string, number>();
  const begin = (type: string) => running.set(type, (running.get(type) ?? 0) + 1);
  for (const { context } of held) {
    const { seq, attempt, workerId, key, type } = context;
    begin(type);
    if (ledger.roster.get(workerId)?.attempts.get(seq) !== attempt) found.push(`nobody holds task ${key}`);
    if (ledger.attemptDeadlines.get(seq) === undefined) found.push(`task ${key} has no deadline`);
    if (ledger.lingering.has(attemptKey({ seq, attempt }))) found.push(`task ${key} is held and lingers`);
  }
  for (const [key, { workerId, type }] of ledger.lingering) {
    begin(type);
    if (ledger.lingerDeadlines.get(key) === undefined && !ledger.overdue.has(key)) {
      found.push(`lingering attempt ${key} has no deadline`);
    }
    const place = ledger.roster.get(workerId);
    if (place !== undefined && !place.lingering.has(key)) found.push(`worker lets attempt ${key} go`);
  }
  for (const key of ledger.overdue) if (!ledger.lingering.has(key)) found.push(`${key} is overdue, and over`);
  let attempts = 0;
  let busy = 0;
  for (const place of ledger.roster.all()) {
    const { workerId, accepting, capacity, tasksPerWorker, taken } = place;
    attempts += place.attempts.size;
    const size = place.attempts.size + place.lingering.size;
    if (size > 0) busy += 1;
    for (const key of place.lingering)
      if (!ledger.lingering.has(key)) found.push(`${workerId} waits for ${key}`);
    const hasRoom = accepting && capacity > size && tasksPerWorker > taken;
    if (place.isReady !== hasRoom) found.push(`worker ${workerId} is ready, or is not`);
  }
  if (attempts !== held.length) found.push(`workers hold ${attempts} tasks of ${held.length}`);
  if (ledger.roster.busy !== busy) found.push(`${ledger.roster.busy} workers are busy of ${busy}`);
  for (const type of new Set([...running.keys(), ...live.map(({ context }) => context.type)])) {
    const [has, should] = [ledger.typeUse.running(type), running.get(type) ?? 0];
    if (has !== should) found.push(`${has} of type ${type} run of ${should}`);
  }
  return found;
}

function kindsOf(ledger: Ledger, live: readonly TaskRow[]): string[] {
  const found: string[] = [];
  const tagged = live.filter(({ state, context }) => state === 'queued' && context.tags.length > 0);
  const sets = [[], ...new Set(tagged.map(({ context }) => context.tags))];
  for (const tags of sets) {
    const offer = { key: '', tags: new Set(tags) };
    const should = tagged.filter(({ context }) => !covers(offer.tags, context.tags)).length;
    const has = ledger.queuedKinds.unserved([offer]);
    if (has !== should) found.push(`${has} tasks need more than [${tags.join()}], of ${should}`);
  }
  const queued = live.filter(({ state }) => state === 'queued');
  for (const type of new Set(live.map(({ context }) => context.type))) {
    const should = queued.filter(({ context }) => context.type === type).length;
    const has = ledger.queuedKinds.served([{ tags: new Everything() }], (other) =>
      other === type ? Infinity : 0
    );
    if (has !== should) found.push(`${has} tasks of type ${type} are queued, of ${should}`);
  }
  return found;
}

/** Each blocked task will hear of all that it waits for. */
function dependenciesOf(ledger: Ledger, { tasks }: StoredRows, live: readonly TaskRow[]): string[] {
  const found: string[] = [];
  const awaited = new Set(ledger.dependents.awaited());
  const stateOf = new Map(tasks.map(({ state, context }) => [context.seq, state]));
  for (const { state, context } of live) {
    if (state !== 'blocked') continue;
    const open = context.blockedBy!.filter((seq) => awaited.has(seq));
    if (open.length === 0) found.push(`blocked task ${context.key} waits for nothing`);
    for (const seq of context.blockedBy!) {
      const isOver = taskLifecycle.isFinal(stateOf.get(seq)!);
      if (!isOver && !awaited.has(seq)) found.push(`task ${context.key} will not hear of task ${seq}`);
    }
  }
  return found;
}

function same(found: string[], what: string, has: unknown, should: unknown): void {
  const [left, right] = [inWords(has), inWords(should)];
  if (left !== right) found.push(`${what} is ${left} where the store has ${right}`);
}

function inWords(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([left], [right]) => (left < right ? -1 : 1)))
      : part
  );
}
