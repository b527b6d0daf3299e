import type { Commit, ScheduleChange, ScheduleRow } from '../../src/index.ts';
import type { Findings } from './findings.ts';

/**
 * Sees what commits say of schedules, and holds it against what they submit: each nominal time fires once at most, in
 * the commit that moves the schedule on, and every time between the old one and the new one is accounted for.
 */
export class ScheduleWitness {
  readonly #findings: Findings;
  readonly #rows = new Map<string, ScheduleRow>();
  /** Those that ever were there, be it that one commit made and removed them. */
  readonly #known = new Set<string>();
  /** What has ever fired of the schedules that are there, also what was removed since. */
  readonly #fired = new Set<string>();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  knows(id: string): boolean {
    return this.#known.has(id);
  }

  all(): Iterable<ScheduleRow> {
    return this.#rows.values();
  }

  /** Of a commit that took effect. */
  see({ schedules, newTasks, batches }: Commit): void {
    const tasks = newTasks
      .filter(({ row }) => row.context.batchId === null)
      .map(({ row }) => row.context.key);
    // A batch without a start and an end is new, or still waits.
    const names = new Set([...tasks, ...batches.map(({ context }) => context.id)].filter(isFiring));
    for (const change of schedules) this.#take(change, names);
    for (const key of tasks.filter(isFiring)) {
      const id = scheduleOf(key);
      const isTold = schedules.some((change) => change.id === id && change.row?.context.lastRun !== null);
      if (!isTold) this.#findings.add('duplicated', `${key} was submitted, and its schedule did not move on`);
    }
  }

  #take({ id, row }: ScheduleChange, names: ReadonlySet<string>): void {
    const before = this.#rows.get(id);
    this.#known.add(id);
    if (row === null) {
      this.#rows.delete(id);
      for (const name of this.#fired) if (scheduleOf(name) === id) this.#fired.delete(name);
      return;
    }
    this.#rows.set(id, row);
    const { runs, lastRun } = row.context;
    const isNew = before === undefined || runs < before.context.runs;
    const fired = runs - (isNew ? 0 : before.context.runs);
    if (fired > 0) this.#takeRuns(id, fired, lastRun!.at, names);
    if (!isNew) this.#checkTimes(before, row, fired);
  }

  /** @param fired - How often it did in this commit. */
  #takeRuns(id: string, fired: number, lastAt: number, names: ReadonlySet<string>): void {
    const own = [...names].filter((name) => scheduleOf(name) === id && !this.#fired.has(name));
    if (own.length !== fired) {
      this.#findings.add(
        'duplicated',
        `schedule ${id} says it fired ${fired} times, and submitted ${own.length}`
      );
    }
    const last = `${id}@${new Date(lastAt).toISOString()}`;
    if (this.#fired.has(last)) this.#findings.add('duplicated', `${last} fired twice`);
    for (const name of own) this.#fired.add(name);
    this.#fired.add(last);
  }

  /** An interval that went on as it was: each of its times fired or was skipped. */
  #checkTimes({ state, context: before }: ScheduleRow, { context: after }: ScheduleRow, fired: number): void {
    const skipped = after.skipped - before.skipped;
    if (state !== 'active' || before.dueAt === null || after.dueAt === null) return;
    if (JSON.stringify(before.spec) !== JSON.stringify(after.spec) || fired + skipped === 0) return;
    const passed = (after.dueAt - before.dueAt) / before.spec.everyMs!;
    if (passed === fired + skipped) return;
    const told = `${fired} fired and ${skipped} skipped`;
    this.#findings.add('lost', `schedule ${before.id} passed ${passed} times, ${told}`);
  }
}

function isFiring(name: string): boolean {
  return name.includes('@');
}

function scheduleOf(name: string): string {
  return name.slice(0, name.indexOf('@'));
}
