import { vi } from 'vitest';
import { checkRecording } from '../../../src/recording/checkRecording.ts';
import { SeededRandom } from '../../../src/testing/seededRandom.ts';
import {
  FleetError,
  FleetManager,
  inProcess,
  memoryStore,
  StoreError,
  type ConfigPatch,
  type Executor,
  type ExecutorReports,
  type HandlerContext,
  type Handlers,
  type Store
} from '../../../src/index.ts';
import { Journal } from '../../../src/journal/journal.ts';
import { batchLifecycle, taskLifecycle } from '../../../src/ledger/lifecycles.ts';
import { attemptKey } from '../../../src/ledger/roster.ts';
import type { BatchRow, Commit, TaskRow } from '../../../src/store.ts';
import { covers } from '../../../src/validation/tags.ts';
import { countingIds, mortal, settled, SimulatedClock } from '../../harness.ts';
import { recordingPath } from '../../recording/files.ts';
import { differencesOf } from './derived.ts';

export const types = ['plain', 'rated', 'narrow', 'late'] as const;
export const everyTag = ['eu', 'gpu'] as const;
/** It never changes, so that it can be held against every window. */
export const rate = { limit: 3, intervalMs: 700 };

/** What a handler is to do. */
export interface Work {
  readonly does: 'ends' | 'fails' | 'fails once' | 'sleeps' | 'dawdles' | 'hangs';
  readonly ms: number;
}

/** How a commit fails: `written` and `lost` are of unknown outcome. */
export const faults = ['refused', 'refused', 'written', 'lost'] as const;

const mayFail = [
  'readTasks',
  'readTaskRows',
  'readKeyHolders',
  'readBatch',
  'readPayloads',
  'readTemplates',
  'removeBatch',
  'removeExpiredResults',
  'listExpiredBatches'
] as const;

interface Running {
  readonly type: string;
  readonly workerId: string;
  readonly run: number;
  readonly seq: number;
  readonly attempt: number;
}

const scope = 'soak';
/** More rows than a run makes: the memory store takes any number. */
const limit = 100_000;

/** A fleet on simulated time whose store fails, whose processes die, and whose every commit and start is looked at. */
export class SoakWorld {
  readonly random: SeededRandom;
  readonly clock = new SimulatedClock();
  readonly store: Store = memoryStore();
  readonly log: string[] = [];
  readonly problems: string[] = [];
  /** Calls that were not answered. */
  readonly pending = new Map<number, string>();
  /** Whether workers can be lost; then no handler can be added. */
  readonly hasExecutor: boolean;
  /** Handlers that hang are let go. */
  isCalm = false;
  /** The last limits of handlers at once, the least strict ones of those that may hold. */
  concurrency = new Map<string, number>();
  names = 0;
  recordedSteps = 0;
  fleet!: FleetManager;
  hasLate = false;

  readonly #newId = countingIds();
  /** How many commits, reads and removals fail, besides those that a command has fail. */
  readonly #faultRate: number;
  /** How long commits take. */
  readonly #commitMs: readonly number[];
  #commits = 0;
  readonly #faults: (typeof faults)[number][] = [];
  readonly #rows = new Map<string, TaskRow>();
  readonly #dependsOn = new Map<number, readonly string[]>();
  readonly #batches = new Map<string, BatchRow>();
  readonly #running = new Set<Running>();
  readonly #starts: number[] = [];
  readonly #hung: (() => void)[] = [];
  #journal!: Journal;
  #reports: ExecutorReports | null = null;
  #process!: ReturnType<typeof mortal>;
  /** One for each process: those that died hold theirs open until {@link SoakWorld.checkRecordings}. */
  readonly #recordings: { readonly fleet: FleetManager; readonly path: string }[] = [];
  #run = 0;
  #calls = 0;
  #hasStarted = false;
  #isUndecided = false;
  #lastStats: Record<string, number> = {};

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.hasExecutor = this.random.chance(0.4);
    this.#faultRate = this.random.pick([0, 0.03, 0.15]);
    this.#commitMs = this.random.pick([[0], [0], [0, 0, 5, 300]]);
  }

  /** Another process takes the fleet up. */
  async begin(config: ConfigPatch): Promise<void> {
    this.#faults.length = 0;
    this.#process = mortal(this.#watched());
    this.hasLate = this.hasExecutor;
    const handlers: Handlers = Object.fromEntries(
      types.filter((type) => type !== 'late' || this.hasExecutor).map((type) => [type, this.handler(type)])
    );
    const path = recordingPath();
    this.fleet = new FleetManager({
      name: scope,
      record: path,
      store: this.#process.store,
      clock: this.clock,
      random: () => this.random.next(),
      newId: this.#newId,
      config,
      ...(this.hasExecutor ? { executor: this.#executor(handlers) } : { handlers })
    });
    this.#recordings.push({ fleet: this.fleet, path });
    await this.start();
  }

  async start(): Promise<void> {
    this.#faults.length = 0;
    this.#isUndecided = false;
    this.#run += 1;
    const attach = vi.spyOn(Journal.prototype, 'attach');
    this.#hasStarted = false;
    await this.fleet.start();
    this.#hasStarted = true;
    this.#journal = attach.mock.contexts.at(-1) as Journal;
    attach.mockRestore();
    await this.clock.rest();
  }

  async stop(graceful: boolean): Promise<void> {
    let isStopped = false;
    const stopped = this.fleet.stop({ graceful, timeoutMs: 2_000 }).finally(() => (isStopped = true));
    this.call(graceful ? 'stop gracefully' : 'stop at once', stopped);
    const { actor } = this.fleet;
    const isOver = (): boolean => isStopped || actor.getSnapshot().status !== 'active';
    for (let round = 1; round <= 3; round++) {
      await this.clock.advanceUntil(isOver, 60_000);
      // The executor waits for what detached code throws, beside the clock.
      await settled();
    }
    // What is left is the recording, which waits for the disk.
    if (isOver()) await stopped.catch(() => {});
    if (!isStopped) this.problems.push('the fleet does not stop');
  }

  /** The process ends. Nothing is told to anybody. */
  async crash(): Promise<void> {
    this.#process.kill();
    this.fleet.actor.stop();
    await this.store.release(scope);
    this.pending.clear();
    this.#run += 1;
    this.#commits = 0;
  }

  fail(fault: (typeof faults)[number]): void {
    this.#faults.push(fault);
  }

  /** The worker of a running handler is lost, if there is one. */
  loseWorker(): void {
    const workers = [...this.#running].filter(({ run }) => run === this.#run);
    if (workers.length === 0 || this.#reports === null) return;
    const { workerId } = this.random.pick(workers);
    for (const running of this.#running) if (running.workerId === workerId) this.#running.delete(running);
    this.#reports.workerLost(workerId, 'burnt down');
  }

  /** Calls the fleet and goes on at once. Only its own errors are expected. */
  call(name: string, answer: Promise<unknown>): void {
    const id = ++this.#calls;
    this.pending.set(id, name);
    this.log.push(`  ${name}`);
    answer
      .catch((error: unknown) => {
        if (error instanceof FleetError) return;
        this.problems.push(`${name} rejects with ${String(error)}`);
      })
      .finally(() => this.pending.delete(id));
  }

  /** What hangs ends, and does so from now on. */
  calm(): void {
    this.isCalm = true;
    this.#faults.length = 0;
    for (const release of this.#hung.splice(0)) release();
  }

  handler(type: string) {
    return (data: Work, context: HandlerContext): unknown => {
      const running = this.#began(type, context);
      const end = () => this.#running.delete(running);
      const { does, ms } = data;
      if (does === 'fails' || (does === 'fails once' && context.attempt === 1)) {
        end();
        throw new Error('no luck');
      }
      if (does === 'ends' || does === 'fails once') {
        end();
        return does;
      }
      const work = new Promise((resolve, reject) => {
        if (does === 'hangs' && !this.isCalm) this.#hung.push(() => resolve('let go'));
        else this.clock.setAlarm(() => resolve('slept'), ms);
        if (does === 'sleeps') context.signal.addEventListener('abort', () => reject(new Error('obeyed')));
      });
      return work.finally(end);
    };
  }

  /** Looks at everything, where nothing is under way. */
  async look(): Promise<void> {
    await this.clock.rest();
    if (this.#isUndecided || this.#commits > 0 || this.fleet.actor.getSnapshot().status !== 'active') return;
    const head = await this.store.readHead(scope);
    if (head === null) return;
    const tasks = (await this.store.listTasks(scope, { limit })).map(({ row }) => row);
    const batches = await this.store.listBatches(scope, { limit });
    const schedules = await this.store.listSchedules(scope, { limit });
    this.problems.push(...differencesOf(this.#journal.ledger, { head, tasks, batches, schedules }));
    const { stats } = head;
    const { completed, failed, timedOut, cancelled } = stats.counts;
    const { totalBatches, totalTasks, retriedAttempts, lostAttempts, lateOutcomes } = stats;
    const sums = { totalBatches, totalTasks, retriedAttempts, lostAttempts, lateOutcomes };
    const now: Record<string, number> = { ...sums, completed, failed, timedOut, cancelled };
    for (const [name, value] of Object.entries(this.#lastStats)) {
      if (now[name]! < value) this.problems.push(`${name} fell from ${value} to ${now[name]}`);
    }
    this.#lastStats = now;
  }

  /** Steps the machines through what each process has recorded. */
  async checkRecordings(): Promise<void> {
    for (const { fleet, path } of this.#recordings) {
      await fleet.stop();
      const { isSound, difference, replayedSteps } = await checkRecording(path);
      if (!isSound) this.problems.push(`a recording differs: ${JSON.stringify(difference)}`);
      this.recordedSteps += replayedSteps;
    }
  }

  /** Rows of all that has not settled. */
  unsettled(): string[] {
    return [
      ...[...this.#rows.values()].filter(({ state }) => !taskLifecycle.isFinal(state)),
      ...[...this.#batches.values()].filter(({ state }) => !batchLifecycle.isFinal(state))
    ].map(({ state, context }) => `${'key' in context ? context.key : context.id} is ${state}`);
  }

  get batchIds(): string[] {
    return [...this.#batches.keys()];
  }

  get keys(): string[] {
    return [...this.#rows.keys()];
  }

  #executor(handlers: Handlers): Executor {
    const inner = inProcess(handlers);
    const start = inner.start.bind(inner);
    return Object.assign(inner, {
      start: (reports: ExecutorReports) => {
        this.#reports = reports;
        return start(reports);
      }
    });
  }

  get #isUnlucky(): boolean {
    return !this.isCalm && this.#hasStarted && this.random.chance(this.#faultRate);
  }

  #watched(): Store {
    const failing = Object.fromEntries(
      mayFail.map((name) => [
        name,
        (...args: unknown[]): unknown => {
          if (this.#isUnlucky) return Promise.reject(new StoreError('ERR_STORE_IO', 'Bad sector', 'refused'));
          return (this.store[name] as (...args: unknown[]) => unknown)(...args);
        }
      ])
    );
    return {
      ...this.store,
      ...failing,
      commit: async (commit) => {
        await this.#takeTime();
        const fault = this.#faults.shift() ?? (this.#isUnlucky ? this.random.pick(faults) : undefined);
        if (fault === 'refused') throw new StoreError('ERR_STORE_FULL', 'The disk is full', 'refused');
        if (fault !== undefined) this.#isUndecided = true;
        if (fault !== 'lost') {
          this.#judge(commit);
          await this.store.commit(commit).catch((error: unknown) => {
            this.problems.push(`the store refuses a commit: ${String(error)}`);
            throw error;
          });
          await this.#takeTime();
        }
        if (fault !== undefined) throw new StoreError('ERR_STORE_IO', 'The connection broke', 'unknown');
      },
      readHead: async (name) => {
        const head = await this.store.readHead(name);
        this.#isUndecided = false;
        return head;
      }
    };
  }

  /** A commit goes on later, unless its process dies meanwhile. */
  async #takeTime(): Promise<void> {
    const ms = this.isCalm || !this.#hasStarted ? 0 : this.random.pick(this.#commitMs);
    if (ms === 0) return;
    const run = this.#run;
    this.#commits += 1;
    await new Promise<void>((resolve) => this.clock.setAlarm(() => this.#run === run && resolve(), ms));
    this.#commits -= 1;
  }

  #judge({ newTasks, tasks, batches, results }: Commit): void {
    for (const row of batches) this.#batches.set(row.context.id, row);
    const rows = [...newTasks.map(({ row }) => row), ...tasks];
    for (const { row, payload } of newTasks) {
      const { dependsOn } = payload;
      this.#dependsOn.set(row.context.seq, dependsOn === null ? [] : (JSON.parse(dependsOn) as string[]));
    }
    const ended = new Set<string>();
    for (const row of rows) {
      const { key, seq, batchId, attempt } = row.context;
      const known = this.#rows.get(key);
      const before = known?.context.seq === seq ? known : undefined;
      if (before !== undefined && taskLifecycle.isFinal(before.state)) {
        this.problems.push(`${key} was ${before.state} and is ${row.state}`);
      }
      if (taskLifecycle.isFinal(row.state)) ended.add(key);
      const isClaimed =
        row.state === 'running' && (before?.state !== 'running' || before.context.attempt !== attempt);
      const batch = batchId === null ? undefined : this.#batches.get(batchId)?.state;
      if (isClaimed && (batch === 'paused' || batch === 'cancelling')) {
        this.problems.push(`${key} is claimed while its batch is ${batch}`);
      }
      this.#rows.set(key, row);
    }
    for (const { key } of results) {
      if (this.#rows.has(key) && !ended.delete(key)) this.problems.push(`${key} has a result too many`);
    }
    if (ended.size > 0) this.problems.push(`${[...ended].join()} settled without a result`);
  }

  #began(type: string, { key, attempt, workerId }: HandlerContext): Running {
    const row = this.#rows.get(key);
    const { seq, batchId, tags } = row!.context;
    const running = { type, workerId, run: this.#run, seq, attempt };
    this.#running.add(running);
    if (row?.state !== 'running' || row.context.attempt !== attempt) {
      this.problems.push(`attempt ${attempt} of ${key} starts while its row is ${row?.state}`);
    }
    for (const id of this.#dependsOn.get(seq) ?? []) {
      const { state } = this.#rows.get(`${batchId}/${id}`)!;
      if (state !== 'completed') this.problems.push(`${key} starts before ${id}, which is ${state}`);
    }
    const { ledger } = this.#journal;
    const offered = ledger.roster.get(workerId)?.offer.tags;
    if (offered === undefined || !covers(offered, tags)) {
      this.problems.push(`${key} runs on ${workerId} without its tags ${tags.join()}`);
    }
    const mates = [...this.#running].filter(
      (other) => other.type === type && other.run === this.#run && !ledger.givenUp.has(attemptKey(other))
    );
    const most = this.concurrency.get(type) ?? Infinity;
    if (mates.length > most) this.problems.push(`${mates.length} of type ${type} run, at most ${most} may`);
    if (type === 'rated') {
      const now = this.clock.monotonic();
      this.#starts.push(now);
      const recent = this.#starts.filter((at) => at > now - rate.intervalMs).length;
      if (recent > rate.limit) this.problems.push(`${recent} of type ${type} start in ${rate.intervalMs} ms`);
    }
    return running;
  }
}
