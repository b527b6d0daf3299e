import { noTaskCounts, type TaskCounts } from '../../../machines/batch.ts';
import {
  finalTaskStatuses,
  isFinalTaskStatus,
  liveTaskStatuses,
  taskStatuses,
  type TaskStatus
} from '../../../machines/task.ts';
import { countDifference } from '../../ledger/countDifference.ts';
import type { LedgerHead, TaskRow } from '../../store.ts';
import type { Cell } from '../cells.ts';
import { DamageError, damaged } from './damage.ts';
import {
  agentCellsAndSum,
  agentCheck,
  batchCellsAndSum,
  batchCheck,
  removalCellsAndSum,
  removalCheck,
  scopeCellsAndSum,
  scopeCheck
} from './fleetRows.ts';
import type { Findings } from './findings.ts';
import { resultCellsAndSum, resultCheck } from './resultRows.ts';
import type { RowCheck, Rows } from './rowCheck.ts';
import { scheduleCellsAndSum, scheduleCheck, templateCellsAndSum, templateCheck } from './scheduleRows.ts';
import { scopeSpan } from './schema.ts';
import type { Statements } from './statements.ts';
import type { FleetReport } from './storeReport.ts';
import { storedTaskCellsAndSums, storedTaskCheck } from './taskRows.ts';
import { decodeBatch, decodeHead, decodeStoredTask } from '../rowCells.ts';

export interface CheckedFleet {
  readonly report: FleetReport;
  /** Those whose rows are sound. */
  readonly agents: Rows;
}

/** Rows that are read at once. */
const pageSize = 1_000;
/** The same of templates, each of which may have 1 MiB. */
const namedPageSize = 20;

/** What is left of a batch that is being removed lacks this and that. */
const isRemoved = 'EXISTS (SELECT 1 FROM removals d WHERE d.scope = t.scope AND d.batch = t.batch)';
/** A task, its payload, whether it has a result and a batch, and its outcome. */
const taskPage =
  `SELECT t.id, t.outcome, ${isRemoved} OR EXISTS (SELECT 1 FROM results r WHERE r.scope = t.scope AND r.key = t.key), ` +
  `t.batch IS NULL OR ${isRemoved} OR EXISTS (SELECT 1 FROM batches b WHERE b.scope = t.scope AND b.name = t.batch), ` +
  `p.id IS NULL, ${storedTaskCellsAndSums} ` +
  'FROM tasks t LEFT JOIN payloads p ON p.id = t.id WHERE t.id > ? AND t.id < ? ORDER BY t.id LIMIT ?';
/** How many of some numbers are those of tasks of a batch. */
const tasksAmong =
  'SELECT count(*) FROM json_each(?) k CROSS JOIN tasks t ON t.id = ? + k.value WHERE t.batch = ?';
const payloadPage =
  'SELECT p.id FROM payloads p WHERE p.id > ? AND p.id < ? ' +
  'AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.id = p.id) ORDER BY p.id LIMIT ?';
const batchPage = `SELECT id, ${batchCellsAndSum} FROM batches WHERE id > ? AND id < ? ORDER BY id LIMIT ?`;
const batchCounts = 'SELECT state, count(*) FROM tasks WHERE id BETWEEN ? AND ? AND batch = ? GROUP BY state';
/** A result, and whether its task is there where its batch is. */
const resultPage =
  'SELECT id, batch IS NULL OR NOT EXISTS (SELECT 1 FROM batches b WHERE b.scope = r.scope AND b.name = r.batch) ' +
  `OR EXISTS (SELECT 1 FROM tasks t WHERE t.scope = r.scope AND t.key = r.key), ${resultCellsAndSum} ` +
  'FROM results r WHERE r.id > ? AND r.id < ? ORDER BY r.id LIMIT ?';

/** A schedule, and whether what it submits is there. */
const schedulePage =
  'SELECT EXISTS (SELECT 1 FROM templates t WHERE t.scope = s.scope AND t.schedule = s.id), ' +
  `${scheduleCellsAndSum} FROM schedules s WHERE s.scope = ? AND s.id > ? ORDER BY s.id LIMIT ?`;
const templatePage =
  'SELECT EXISTS (SELECT 1 FROM schedules s WHERE s.scope = t.scope AND s.id = t.schedule), ' +
  `${templateCellsAndSum} FROM templates t WHERE t.scope = ? AND t.schedule > ? ORDER BY t.schedule LIMIT ?`;

/** Checks the rows of one fleet: each by its sum, and whether they belong together. */
export function checkFleet(statements: Statements, scope: number, findings: Findings): CheckedFleet {
  return new FleetCheck(statements, scope, findings).check();
}

class FleetCheck {
  readonly #statements: Statements;
  readonly #scope: number;
  readonly #base: number;
  readonly #findings: Findings;
  #name: string;

  constructor(statements: Statements, scope: number, findings: Findings) {
    this.#statements = statements;
    this.#scope = scope;
    this.#base = scope * scopeSpan;
    this.#findings = findings;
    this.#name = `number ${scope}`;
  }

  check(): CheckedFleet {
    const head = this.#checkHead();
    const counts: Record<TaskStatus, number> = { ...noTaskCounts };
    let [tasks, batches, results, schedules] = [0, 0, 0, 0];
    let agents: Rows = [];
    this.#findings.attempt('tasks', () => (tasks = this.#checkTasks(head, counts)));
    this.#findings.attempt('payloads', () => this.#checkPayloads());
    this.#findings.attempt('batches', () => (batches = this.#checkBatches()));
    this.#findings.attempt('removals', () => this.#checkRemovals());
    this.#findings.attempt('results', () => (results = this.#checkResults(head)));
    this.#findings.attempt('schedules', () => (schedules = this.#checkSchedules()));
    this.#findings.attempt('templates', () => this.#checkTemplates());
    this.#findings.attempt('agents', () => (agents = this.#checkAgents(head)));
    if (head) this.#checkStats(head, counts, batches);
    const report = {
      name: this.#name,
      turn: head?.turn ?? 0,
      tasks,
      liveTasks: liveTaskStatuses.reduce((sum, status) => sum + counts[status], 0),
      removedTasks: Math.max(0, (head?.stats.totalTasks ?? 0) - tasks),
      batches,
      results,
      schedules,
      agents: agents.length
    };
    return { report, agents };
  }

  #checkHead(): LedgerHead | null {
    let head: LedgerHead | null = null;
    this.#findings.attempt('fleets', () => {
      const sql = `SELECT ${scopeCellsAndSum} FROM scopes WHERE number = ?`;
      const row = this.#sound(scopeCheck, this.#statements.get(sql, this.#scope)!);
      if (!row) return;
      this.#name = row[0] as string;
      head = decodeHead(row.slice(1));
    });
    return head;
  }

  #checkTasks(head: LedgerHead | null, counts: Record<TaskStatus, number>): number {
    return this.#forEachRow(taskPage, ([id, outcome, hasResult, hasBatch, lacksPayload, ...cells]) => {
      const task = `task ${JSON.stringify(cells[1])}`;
      if (lacksPayload === 1) return this.#note('link', `${task} has no data`);
      const row = this.#sound(storedTaskCheck, cells);
      if (!row) return;
      const state = row[9] as TaskStatus;
      counts[state] += 1;
      if (outcome !== (isFinalTaskStatus(state) ? state : null)) {
        this.#note('row', `${task} is ${state}, and stands among the ${outcome ?? 'live'} ones`);
      }
      if (isFinalTaskStatus(state) && hasResult === 0)
        this.#note('link', `${task} is ${state} and has no result`);
      if (hasBatch === 0) this.#note('link', `${task} is of a batch that is not there`);
      if (state === 'blocked') this.#checkBlocked(task, decodeStoredTask(row).row);
      if (head && (id as number) - this.#base > head.seq) {
        this.#note('counts', `${task} has a number beyond the last one, ${head.seq}`);
      }
    });
  }

  /** One that waits for what is not there, or for itself in the end, waits for ever. */
  #checkBlocked(task: string, { context: { seq, batchId, blockedBy } }: TaskRow): void {
    const earlier = blockedBy!.filter((awaited) => awaited < seq);
    const [found] = this.#statements.get(tasksAmong, JSON.stringify(earlier), this.#base, batchId)!;
    if (found !== blockedBy!.length)
      this.#note('link', `${task} waits for tasks that are not there before it`);
  }

  #checkPayloads(): void {
    this.#forEachRow(payloadPage, ([id]) =>
      this.#note('link', `there is data of task number ${(id as number) - this.#base}, which is not there`)
    );
  }

  #checkBatches(): number {
    return this.#forEachRow(batchPage, ([, ...cells]) => {
      const row = this.#sound(batchCheck, cells);
      if (!row) return;
      const { id, firstSeq, lastSeq, counts, totalTasks } = decodeBatch(row).context;
      const found = this.#statements.all(batchCounts, this.#base + firstSeq, this.#base + lastSeq, id);
      const all = { ...noTaskCounts, ...(Object.fromEntries(found) as TaskCounts) };
      const problem = countDifference(all, counts, taskStatuses);
      if (problem !== null) this.#note('counts', `of the tasks of batch ${JSON.stringify(id)} ${problem}`);
      const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
      if (total === totalTasks) return;
      this.#note('counts', `batch ${JSON.stringify(id)} has ${totalTasks} tasks, and counts ${total}`);
    });
  }

  #checkRemovals(): void {
    const sql = `SELECT ${removalCellsAndSum} FROM removals WHERE scope = ?`;
    for (const cells of this.#statements.all(sql, this.#scope)) this.#sound(removalCheck, cells);
  }

  #checkResults(head: LedgerHead | null): number {
    let receivedHigh = 0;
    return this.#forEachRow(resultPage, ([id, hasTask, ...cells]) => {
      const row = this.#sound(resultCheck, cells);
      if (!row) return;
      const result = `result ${(id as number) - this.#base} of task ${JSON.stringify(row[1])}`;
      if (hasTask === 0) this.#note('link', `${result} has no task`);
      if ((row[15] as number) < receivedHigh)
        this.#note('row', `${result} was received before the one before it`);
      receivedHigh = row[15] as number;
      if (head && (id as number) - this.#base > head.settledSeq) {
        this.#note('counts', `${result} has a number beyond the last one, ${head.settledSeq}`);
      }
    });
  }

  #checkSchedules(): number {
    return this.#forEachNamed(schedulePage, ([hasTemplate, ...cells]) => {
      const schedule = `schedule ${JSON.stringify(cells[0])}`;
      if (hasTemplate === 0) this.#note('link', `${schedule} has no template`);
      this.#sound(scheduleCheck, cells);
    });
  }

  #checkTemplates(): void {
    this.#forEachNamed(templatePage, ([hasSchedule, ...cells]) => {
      if (hasSchedule === 0) {
        this.#note('link', `there is a template of schedule ${JSON.stringify(cells[0])}, which is not there`);
      }
      this.#sound(templateCheck, cells);
    });
  }

  #checkAgents(head: LedgerHead | null): Rows {
    const sql = `SELECT ${agentCellsAndSum} FROM agents WHERE scope = ?`;
    const rows = this.#statements.all(sql, this.#scope);
    if (head && !rows.some(([id]) => id === 'fleet'))
      this.#note('agent', 'the snapshot of the fleet is not there');
    return rows.flatMap((cells) => {
      const row = this.#sound(agentCheck, cells);
      return row ? [row] : [];
    });
  }

  /** Of what settled, the rows of removed batches stay counted. */
  #checkStats({ stats }: LedgerHead, counts: TaskCounts, batches: number): void {
    const problem = countDifference(counts, stats.counts, liveTaskStatuses);
    if (problem !== null) this.#note('counts', `of its tasks ${problem}`);
    for (const status of finalTaskStatuses) {
      if (counts[status] <= stats.counts[status]) continue;
      this.#note(
        'counts',
        `of its tasks ${counts[status]} are ${status}, and only ${stats.counts[status]} ever were`
      );
    }
    if (batches > stats.totalBatches) {
      this.#note('counts', `it has ${batches} batches, and only ${stats.totalBatches} were ever submitted`);
    }
  }

  /** Goes through a table in pages. @param sql - Takes the id to go on after, the id to end before, and a limit. */
  #forEachRow(sql: string, check: (cells: Cell[]) => void): number {
    let [after, count] = [this.#base, 0];
    for (;;) {
      const page = this.#statements.all(sql, after, this.#base + scopeSpan, pageSize);
      if (page.length === 0) return count;
      // Damaged pages may lead round in a circle.
      if ((page.at(-1)![0] as number) <= after) throw damaged('the order of its rows');
      after = page.at(-1)![0] as number;
      count += page.length;
      for (const cells of page) check(cells);
    }
  }

  /** The same, of a table whose rows have names. @param sql - Takes the scope, the name to go on after, and a limit. */
  #forEachNamed(sql: string, check: (cells: Cell[]) => void): number {
    let [after, count] = ['', 0];
    for (;;) {
      const page = this.#statements.all(sql, this.#scope, after, namedPageSize);
      if (page.length === 0) return count;
      const last = String(page.at(-1)![1]);
      if (last === after) throw damaged('the order of its rows');
      after = last;
      count += page.length;
      for (const cells of page) check(cells);
    }
  }

  #sound(check: RowCheck, cells: Cell[]): Cell[] | null {
    try {
      return check.row(this.#scope, cells);
    } catch (error) {
      if (!(error instanceof DamageError)) throw error;
      this.#note('row', error.message);
      return null;
    }
  }

  #note(kind: 'row' | 'link' | 'counts' | 'agent', problem: string): void {
    this.#findings.add(kind, this.#name, problem);
  }
}
