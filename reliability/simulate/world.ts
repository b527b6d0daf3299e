import { SimulatedClock } from '../../src/testing/simulatedClock.ts';
import { memoryStore, type Commit, type FleetConfig, type FleetFact, type Store } from '../../src/index.ts';
import { SeededRandom } from '../../src/testing/seededRandom.ts';
import { Attempts, type WidestLimits } from './attempts.ts';
import { Calls } from './calls.ts';
import { Findings } from './findings.ts';
import { FleetProcess, type Plants, type SimulatedFleet } from './fleetProcess.ts';
import type { Plan } from './plan.ts';
import type { StoreFaults } from './storeFaults.ts';
import { Submissions } from './submissions.ts';
import { Trace } from './trace.ts';
import { Witness } from './witness.ts';

/** Between two tries to start a fleet that could not. */
const restartMs = 1_000;
/** A fleet looks at the wall clock once a minute at least. */
const noticeMs = 61_000;

/** Everything around the fleet: its processes one after the other, the store, the clock, and who watches. */
export class World {
  readonly plan: Plan;
  readonly clock = new SimulatedClock();
  readonly trace = new Trace();
  readonly findings: Findings;
  readonly witness: Witness;
  readonly attempts: Attempts;
  readonly calls: Calls;
  readonly submissions: Submissions;
  readonly faults: StoreFaults = {
    commits: [],
    reads: 0,
    death: null,
    isTakenOver: false,
    isFenced: false,
    tellOfLoss: null
  };
  /** The real one, as it would be read by another process. */
  readonly store: Store = memoryStore();
  /** When the wall clock was set last, monotonic ms. */
  jumpedAt = -Infinity;

  /** Interrupted batches that were submitted once more when everything was over. */
  readonly resubmitted = new Set<string>();

  readonly #plants: Plants;
  readonly #limits: WidestLimits = { workerTimeout: Infinity, cancelGraceMs: Infinity, maxStuck: 0 };
  readonly #random: SeededRandom;
  readonly #startedAt: number;
  #process: FleetProcess | null = null;
  #processes = 0;
  #isStarted = false;

  constructor(plan: Plan, plants: Plants) {
    this.plan = plan;
    this.#plants = plants;
    this.#random = new SeededRandom(plan.seed);
    this.#startedAt = this.clock.monotonic();
    this.findings = new Findings(() => this.elapsedMs);
    this.witness = new Witness(this.findings);
    const { typeLimits = {} } = plan.config;
    this.attempts = new Attempts(this.witness, this.findings, this.trace, this.#limits, typeLimits);
    this.calls = new Calls(this.findings, this.trace);
    this.submissions = new Submissions(this.witness, this.findings);
  }

  /** Monotonic ms since the beginning. */
  get elapsedMs(): number {
    return this.clock.monotonic() - this.#startedAt;
  }

  /** The process that lives; `null` while none does. */
  get process(): FleetProcess | null {
    return this.#process;
  }

  /** The fleet, unless it is down or stopping. */
  get fleet(): SimulatedFleet | null {
    return this.#process?.isServing ? this.#process.fleet : null;
  }

  /** Whether the fleet takes commands. */
  get isUp(): boolean {
    const { fleet } = this;
    return fleet !== null && this.#isStarted && (fleet.state === 'running' || fleet.state === 'paused');
  }

  /** Starts a process. */
  boot(): void {
    const { plan, clock, faults, attempts } = this;
    const process = new FleetProcess(++this.#processes, {
      plan,
      plants: this.#plants,
      clock,
      store: this.#witnessed(),
      faults,
      attempts,
      random: this.#random,
      onDeath: () => this.crash(0),
      onCommit: (commit) => this.#onCommit(commit, process)
    });
    this.#process = process;
    process.fleet.on('*', (fact) => {
      if (!process.isAlive) return;
      this.trace.add(JSON.stringify(fact, withoutStacks));
      // What it runs is aborted, and no part of the fleet any more.
      if (fact.type === 'ownership.lost') this.attempts.abandon();
      if (fact.type === 'workers.scaled') this.#checkScaling(fact);
    });
    this.start(process);
  }

  /** Starts the fleet of a process, and again until it succeeds. */
  start(process: FleetProcess): void {
    process.isServing = true;
    this.#isStarted = false;
    process.fleet.start().then(
      () => {
        if (process.isAlive) this.#isStarted = true;
        this.trace.add(`started ${this.elapsedMs}`);
      },
      () => {
        if (process.isAlive) process.clock.setAlarm(() => this.start(process), restartMs);
      }
    );
  }

  /** Kills the process, and boots another one later. */
  crash(downMs: number): void {
    if (this.#process === null) return;
    this.trace.add(`crash ${this.elapsedMs}`);
    this.#process.kill();
    this.#process = null;
    this.attempts.abandon();
    this.calls.hangUp();
    this.clock.setAlarm(() => this.boot(), downMs);
  }

  /** What nobody asked for by hand stays within the limits of the policy. */
  #checkScaling({ to, reason }: Extract<FleetFact, { type: 'workers.scaled' }>): void {
    const { autoscale } = this.plan.config;
    if (reason === 'manual') return;
    if (autoscale && to >= autoscale.minWorkers! && to <= autoscale.maxWorkers!) return;
    this.findings.add('over limit', `scaled to ${to} workers for ${reason}, by ${JSON.stringify(autoscale)}`);
  }

  /** Looks for work that nothing keeps. To be called when everything is at rest. */
  lookForIdleness(): void {
    const { fleet, isUp, faults, clock, witness } = this;
    if (fleet === null || !isUp || faults.commits.length + faults.reads > 0) return;
    const { operation, journal } = fleet.actor.getSnapshot().value;
    if (journal !== 'clean' || (operation !== 'running' && operation !== 'paused')) return;
    const noticed = clock.monotonic() - this.jumpedAt > noticeMs ? clock.now() - noticeMs : -Infinity;
    for (const row of witness.live.values()) {
      const { key, dueAt } = row.context;
      if (row.state === 'blocked') {
        if (!witness.isAwaiting(key)) this.findings.add('idle', `${key} is blocked, by nothing that is live`);
      } else if (dueAt !== null && dueAt < noticed) {
        this.findings.add('idle', `${key} is overdue, ${row.state}`);
      }
      // A rate that was used up lets nothing start.
      const isRated =
        row.context.type === 'metered' && this.plan.config.typeLimits?.metered?.rate !== undefined;
      if (operation === 'running' && !isRated && this.attempts.executing === 0 && witness.isClaimable(row)) {
        this.findings.add('idle', `${key} is queued, and no handler runs`);
      }
    }
  }

  /** The store, with everything that takes effect in it seen. */
  #witnessed(): Store {
    const { store, witness, attempts, submissions } = this;
    const witnessed: Store = {
      ...store,
      commit: async (commit) => {
        await store.commit(commit);
        witness.see(commit);
        for (const result of commit.results) attempts.checkResult(result);
      },
      removeBatch: async (scope, id) => {
        const wasThere = (await store.readBatch(scope, id)) !== null;
        const isUnfinished = await store.removeBatch(scope, id);
        if (wasThere && (await store.readBatch(scope, id)) === null) {
          witness.remove(id);
          attempts.forget(id);
          submissions.forget(id);
        }
        return isUnfinished;
      }
    };
    return this.#plants.store?.(witnessed) ?? witnessed;
  }

  #onCommit(commit: Commit, { fleet }: FleetProcess): void {
    const { config } = fleet.actor.getSnapshot().context;
    this.#widen(config);
    this.witness.announce(commit, { at: this.clock.now(), config });
  }

  #widen({ workerTimeout, cancelGraceMs, maxStuck, maxConcurrentWorkers }: FleetConfig): void {
    const limits = this.#limits;
    limits.workerTimeout = Math.min(limits.workerTimeout, workerTimeout);
    limits.cancelGraceMs = Math.min(limits.cancelGraceMs, cancelGraceMs);
    limits.maxStuck = Math.max(limits.maxStuck, maxStuck ?? maxConcurrentWorkers);
  }
}

/** Stacks name files and lines, which are no part of what happened. */
export function withoutStacks(name: string, value: unknown): unknown {
  return name === 'stack' ? undefined : value;
}
