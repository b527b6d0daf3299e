import { activeTasks, waitingTasks } from '../../machines/batch.ts';
import type { CoordinatorContext } from '../../machines/coordinatorMachine.ts';
import type { FleetCommand, LedgerCommand, OperationCommand } from '../../machines/fleetCommand.ts';
import type { FleetFact } from '../../machines/fleetFact.ts';
import type { FleetEvent, FleetRef, FleetSnapshot, Recovered } from '../../machines/fleetMachine.ts';
import { problemOf } from '../../machines/problem.ts';
import type { WorkerReport } from '../../machines/workerMachine.ts';
import { FleetAgents } from '../agents/fleetAgents.ts';
import { WorkerHistory } from '../agents/workerHistory.ts';
import type { Clock } from '../clock.ts';
import { ResultStatistics } from '../coordinator/resultStatistics.ts';
import { FencedError, NotRunningError } from '../errors.ts';
import type { Executor, ExecutorReports } from '../executor.ts';
import type { FleetTraces } from '../fleetTelemetry.ts';
import { outsideAttempts } from '../handlers/currentAttempt.ts';
import { Ledger, type AttemptLimits } from '../ledger/ledger.ts';
import { emptyPlan, planSchedules, type SchedulePlan } from '../schedules/schedulePlan.ts';
import type { Store, StoredAgent, StoredFleet, StoredResult, TaskRow } from '../store.ts';
import { refusalOf } from '../turn/commandReplies.ts';
import { Turn } from '../turn/turn.ts';
import type { CommandInput, Found, TurnInput } from '../turn/turnInput.ts';
import { maxTurnRows, stepTurn } from '../turn/turnRules.ts';
import { ActiveClock } from './activeClock.ts';
import { AttemptNotes } from './attemptNotes.ts';
import { Commits, type Attempted, type Payloads } from './commits.ts';
import { executorReports } from './executorReports.ts';
import { FleetAlarm } from './fleetAlarm.ts';
import { Inbox } from './inbox.ts';
import { Lifetime } from './lifetime.ts';
import { find, needsStore, nothingFound } from './lookups.ts';
import type { TurnNews } from './readModel.ts';
import type { ReadModelFeed } from './readModelFeed.ts';
import { recover } from './recovery.ts';
import { Removals } from './removals.ts';
import { Replies } from './replies.ts';
import { startedAttempts } from './startedAttempts.ts';
import { TurnFigures } from './turnFigures.ts';
import type { TurnObservers } from './turnObserver.ts';
import { Waiters } from './waiters.ts';

export interface JournalOptions {
  readonly scope: string;
  /** Names this process in another one's `LockedError`. */
  readonly owner: string;
  readonly store: Store;
  readonly executor: Executor;
  readonly clock: Clock;
  readonly random: () => number;
  readonly readModel: ReadModelFeed;
  /** Whether anybody listens to single tasks: if not, what happens to them need not be told. */
  readonly hasTaskListeners: () => boolean;
  /** Whether anybody listens to workers: if not, a worker that is replaced at once need not be told of. */
  readonly hasWorkerListeners: () => boolean;
  /** Told what a subscriber of the read model threw. */
  readonly onListenerError: (error: unknown) => void;
  /** Told of committed turns, with every step of their rows. */
  readonly observers: TurnObservers;
  /** Told what a committed turn settled and made true. */
  readonly onReleased: (results: readonly StoredResult[], facts: readonly FleetFact[]) => void;
  /** Begins the spans of attempts that are about to be dispatched. Absent or `null`: nobody traces. Must not throw. */
  readonly traces?: FleetTraces | null;
}

/**
 * The loop: what comes in is collected; a turn steps the ledger's rows; the store commits; effects leave.
 *
 * Nothing outside ever sees a state that the store does not have. The fleet machine says when a turn is taken
 * (its `journal` region) and hears how it ended. While a commit is under way, the next turn's input gathers:
 * under load turns grow and the cost of a commit is shared, and idle a turn is one task.
 */
export class Journal {
  readonly ledger: Ledger;
  readonly replies = new Replies();
  readonly waiters = new Waiters();
  readonly notes = new AttemptNotes();
  readonly workers = new WorkerHistory();
  /** Of the results, beside the coordinator's summary. */
  statistics = new ResultStatistics();
  readonly figures = new TurnFigures();
  readonly lifetime: Lifetime;

  readonly #options: JournalOptions;
  readonly #active: ActiveClock;
  readonly #agents: FleetAgents;
  readonly #removals: Removals;
  readonly #alarm: FleetAlarm;
  readonly #commits: Commits;
  #fleet: FleetRef | null = null;
  readonly #inbox = new Inbox();
  /** Turns are being taken: whatever comes in needs no further event. */
  #isAwake = false;
  /** Another turn is wanted after the one that is under way, or was the last. */
  #isCalled = false;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.ledger = new Ledger(this.#isRemote);
    this.#active = new ActiveClock(options.clock);
    this.#agents = new FleetAgents({
      ...options,
      ledger: this.ledger,
      active: this.#active,
      statistics: () => this.statistics,
      fleet: () => this.#fleet!,
      record: (report) => this.recordReport(report),
      collect: (input) => this.collect(input),
      send: (event) => this.#send(event),
      wake: () => this.#wake()
    });
    this.#removals = new Removals({
      scope: options.scope,
      store: options.store,
      ledger: this.ledger,
      collect: (input) => this.collect(input),
      clearedSeq: () => this.coordinator?.clearedSeq ?? 0,
      countedSeq: () => this.statistics.checkpointSeq,
      onCleared: (upToSettledSeq, askers) => this.#cleared(upToSettledSeq, askers),
      onRemoved: (batchId, askers) => this.#batchRemoved(batchId, askers),
      onFailed: (error, askers) => this.#removalFailed(error, askers)
    });
    this.#alarm = new FleetAlarm({
      clock: options.clock,
      active: this.#active,
      ledger: this.ledger,
      autoscaling: this.#agents.autoscaling,
      health: this.#agents.health,
      unroutable: this.#agents.unroutable,
      removals: this.#removals,
      onChanged: (delayMs) => this.#send({ type: 'deadline.changed', delayMs })
    });
    this.#commits = new Commits({
      ...options,
      ledger: this.ledger,
      inbox: this.#inbox,
      agents: this.#agents,
      refuse: (submission, error) => this.#answerRefusal(submission, error)
    });
    this.lifetime = new Lifetime({
      ...options,
      ledger: this.ledger,
      removals: this.#removals,
      reports: () => this.#reports(),
      load: (stored) => this.#load(stored),
      writeLast: () => this.#writeLast(),
      send: (event) => this.#send(event)
    });
  }

  attach(fleet: FleetRef): void {
    this.#fleet = fleet;
  }

  /** What the coordinator knows, brought up to date; `undefined` before it is spawned. */
  get coordinator(): CoordinatorContext | undefined {
    this.#agents.messages.tellResults();
    return this.#snapshot().children.coordinator?.getSnapshot().context;
  }

  /** Puts an input into the next turn. */
  collect(input: TurnInput): void {
    this.#inbox.push(input);
    this.#wake();
  }

  collectCommand(command: FleetCommand): void {
    const { commandId } = command;
    // With the coordinator, which hears of it now: a turn that is under way counts for both or for none.
    if (command.type === 'results.clear') this.statistics.clear(this.coordinator?.settledSeq ?? 0);
    this.collect({ type: 'command', command: command as LedgerCommand | OperationCommand, commandId });
  }

  rejectCommand(command: FleetCommand): void {
    const { scope } = this.#options;
    const error = new NotRunningError(scope, command.type, this.#snapshot().value.operation);
    this.#answerRefusal({ command, commandId: command.commandId }, error);
  }

  recordReport(report: WorkerReport): void {
    this.workers.record(report, this.ledger.roster.get(report.workerId), this.#options.clock.now());
    this.#agents.record(report);
    this.lookForClaims();
  }

  /** Something may be claimed that could not: a worker or a handler has come. */
  lookForClaims(): void {
    this.#wake();
  }

  /** Takes turns, soon, until there is nothing left to do. They end in `turn.committed` or `commit.failed`. */
  begin(): void {
    this.#isAwake = true;
    this.#soon(() => void this.#take());
  }

  /** The alarm rang. @returns Ms after which it is to ring again; `null`: the turn that it wakes sets it. */
  alarmRang(): number | null {
    const againMs = this.#alarm.rang();
    if (againMs === null) {
      this.#isCalled = true;
      this.#send({ type: 'alarm.rang' });
    }
    return againMs;
  }

  /** Resolves when the store may be tried again. @param signal - Aborted when the fleet stops. */
  awaitStore(signal: AbortSignal): Promise<void> {
    return this.#commits.awaitStore(signal);
  }

  /** The fleet's actor has ended, be it that its parent stopped it: so does all else, and who still waits is answered. */
  halt(): void {
    this.#active.watch(false);
    const reason = this.lifetime.halt();
    this.replies.rejectAll(reason);
    this.waiters.stop(reason);
  }

  /** Once the actor has ended nothing is written: the store may be the next owner's, who opened it the same way. */
  async #take(): Promise<void> {
    if (this.#isHalted) return;
    if (this.#commits.isUndecided && !(await this.#isRefused())) return;
    if (this.#isHalted) return;
    this.#agents.joined.apply();
    // Who looks on at the workers may have stopped the actor.
    if (this.#isHalted) return;
    const inputs = this.#inbox.take(maxTurnRows);
    this.#isCalled = false;
    let turn: Turn | null = null;
    let attempted: Attempted;
    let payloads: Payloads;
    try {
      const plan = this.#plan();
      const isLacking = needsStore(inputs) || plan.schedules.length > 0;
      const found = isLacking ? await this.#find(inputs, plan) : nothingFound;
      if (this.#isHalted) return;
      turn = this.#newTurn(found);
      stepTurn(turn, this.ledger, inputs, plan);
      attempted = { turn, inputs, head: turn.head(), handedOverAt: this.#options.clock.monotonic() };
      const fleet = this.#snapshot();
      const agents = this.#changedAgents(turn, fleet);
      // Who looks on may have stopped the actor.
      if (this.#isHalted) return;
      payloads = await this.#commits.write(attempted, fleet, agents);
    } catch (error) {
      if (error instanceof FencedError) return this.lifetime.lose(error);
      this.#fail(error, turn, inputs);
      return;
    }
    if (!this.#isHalted) this.#release(attempted, payloads);
  }

  /** What the schedules have due. A full queue is waited for, and a fleet that stops leaves it to the next start. */
  #plan(): SchedulePlan {
    const { schedules, head } = this.ledger;
    const { maxQueueSize } = this.#snapshot().context.config;
    schedules.isWaitingForRoom = maxQueueSize !== null && waitingTasks(head.stats.counts) >= maxQueueSize;
    if (!this.#isOpen || schedules.isWaitingForRoom) return emptyPlan;
    return planSchedules(schedules, this.#options.clock.now(), maxTurnRows);
  }

  get #isOpen(): boolean {
    const { operation } = this.#snapshot().value;
    return operation === 'running' || operation === 'paused';
  }

  /** What was read while a removal ended may be the removed batch: it is read again. */
  async #find(inputs: readonly TurnInput[], plan: SchedulePlan): Promise<Found> {
    const { store, scope } = this.#options;
    for (;;) {
      const { ended } = this.#removals;
      const found = await find(inputs, store, scope, this.ledger, plan);
      if (this.#removals.ended === ended) return found;
    }
  }

  #newTurn(found: Found): Turn {
    const { clock, random, executor } = this.#options;
    const { context, value } = this.#snapshot();
    return new Turn(this.ledger, {
      at: clock.now(),
      activeNow: this.#active.now(),
      random,
      config: context.config,
      isDispatching: value.operation === 'running',
      types: executor.types,
      canEndHandlers: executor.probe !== undefined && !this.#isRemote,
      isRemote: this.#isRemote,
      tellsTasks: this.#options.hasTaskListeners(),
      keepsSteps: !this.#options.observers.isEmpty,
      found
    });
  }

  /** Snapshots of agents that are to be committed with the turn. */
  #changedAgents(turn: Turn, fleet: FleetSnapshot): readonly StoredAgent[] {
    const isLast = this.#removals.reaches(turn, this.statistics.checkpointSeq);
    // What may be removed from then on has to be in its sums.
    if (this.statistics.isDue(isLast)) this.#agents.messages.tellResults();
    return this.#isHalted ? [] : this.#agents.snapshots.changed(fleet, isLast);
  }

  /** Everything that the world may see of a turn, now that it is durable. */
  #release(attempted: Attempted, payloads: Payloads): void {
    const { executor, traces = null } = this.#options;
    const { turn } = attempted;
    const commitMs = this.#options.clock.monotonic() - attempted.handedOverAt;
    if (!turn.isIdle) this.figures.add(turn.stepCount, commitMs);
    if (turn.steps.length > 0 || !turn.schedules.isEmpty) this.#tellObservers(attempted, commitMs);
    this.#inbox.defer(turn.deferred);
    for (const reply of turn.replies) this.replies.settle(reply);
    this.waiters.release(turn.results, turn.facts);
    const replacements = this.#agents.messages.tellWorkers(turn);
    // Who looks on, at rows or workers, may have stopped the actor: then no time begins, and no handler.
    if (this.#isHalted) return;
    // Before any time begins: the process may be stopped at any point from here on.
    if (turn.started.length + turn.begun.length + turn.aborts.length > 0) this.#active.watch(true);
    // Their time begins now, as does that of what is started: that of the commit is not charged to them.
    if (turn.aborts.length > 0) this.ledger.armGraces(turn.aborts, this.#limits());
    for (const { cause, ...attempt } of turn.aborts) executor.abort(attempt, cause);
    if (turn.begun.length > 0) this.ledger.armTimeouts(this.#rowsOf(turn.begun), this.#limits());
    if (turn.started.length > 0) {
      this.ledger.arm(turn.started, this.#limits());
      const { attempts, unreadable } = startedAttempts(turn, payloads, traces !== null);
      for (const ref of unreadable) this.collect({ type: 'attempt.lost', ...ref, reason: unreadableData });
      executor.dispatch(traces === null ? attempts : traces.begin(attempts));
    }
    this.statistics.add(turn.results);
    this.#agents.messages.tellCoordinator(turn);
    if (turn.results.length + turn.facts.length > 0) this.#options.onReleased(turn.results, turn.facts);
    if (!turn.isIdle) this.#updateReadModel(turn.news());
    const facts = replacements.length === 0 ? turn.facts : [...turn.facts, ...replacements];
    if (facts.length > 0) this.#send({ type: 'facts.released', facts });
    // So may who listens.
    if (this.#isHalted) return;
    this.#agents.adjust(turn);
    this.#removals.take(turn);
    this.#end(turn);
  }

  #tellObservers({ turn, inputs }: Attempted, commitMs: number): void {
    const { at } = turn.context;
    this.#options.observers.turnCommitted({
      head: this.ledger.head,
      at,
      commitMs,
      inputs,
      steps: turn.steps
    });
  }

  /**
   * Goes on with the next turn, or rests if nothing has come by the time that it would be taken.
   *
   * What a turn sets off often brings the next one at once: a task alone takes half the time if the fleet does not hear of
   * each turn, and the alarm is not set after each.
   */
  #end(turn: Turn): void {
    const { sweeps, dependents, schedules } = this.ledger;
    if (turn.hasMadeRoom || turn.started.length > 0) schedules.isWaitingForRoom = false;
    this.#isCalled ||=
      sweeps.size > 0 ||
      dependents.hasNews ||
      turn.isCutShort ||
      !this.#inbox.isEmpty ||
      this.#agents.autoscaling.hasDecided ||
      this.#inbox.isWorthRetrying(turn);
    // Whoever waits for the store hears at once that it is back.
    if (this.#snapshot().value.journal === 'retrying') this.#rest(turn);
    else this.#soon(() => (this.#isCalled ? void this.#take() : this.#rest(turn)));
  }

  #rest({ context }: Turn): void {
    if (this.#isHalted) return;
    const { schedules, head } = this.ledger;
    this.#agents.messages.tellResults();
    this.#alarm.set(context, this.#isOpen && !schedules.isWaitingForRoom);
    this.#isAwake = this.#isCalled;
    const held = activeTasks(head.stats.counts);
    this.#send({ type: 'turn.committed', more: this.#isCalled, held, goesOn: this.#isRemote });
  }

  /** After what is under way: lets input gather, and lets input and output through. */
  #soon(callback: () => void): void {
    outsideAttempts(() => this.#options.clock.setSoon(callback));
  }

  #reports(): ExecutorReports {
    return executorReports({
      isRemote: this.#isRemote,
      ledger: this.ledger,
      notes: this.notes,
      replies: this.replies,
      health: this.#agents.health,
      joined: this.#agents.joined,
      clock: this.#options.clock,
      collect: (input) => this.collect(input),
      lookForClaims: () => this.lookForClaims(),
      tell: (fact) => this.#send({ type: 'facts.released', facts: [fact] })
    });
  }

  /** Takes up what an earlier process left. */
  async #load(stored: StoredFleet): Promise<Recovered> {
    this.ledger.schedules.openedAt = this.#options.clock.now();
    const options = { ...this.#options, assertWanted: () => this.lifetime.assertWanted() };
    const { recovered, statistics } = await recover(stored, options, this.ledger, this.#limits(), (input) =>
      this.collect(input)
    );
    this.lifetime.assertWanted();
    if (this.#isRemote) this.#agents.health.watchAll();
    this.statistics = statistics;
    const { stats } = this.ledger.head;
    this.#removals.resume(stored.removing);
    const { clearedSeq = 0, removedSeq = 0 } = recovered.coordinator ?? {};
    if (clearedSeq > removedSeq) this.#removals.resumeClearing(clearedSeq);
    this.#updateReadModel({ stats, batches: stored.batches, results: [] });
    return recovered;
  }

  /** Writes what the agents have come to since the last turn, unless it is not known what the store has. */
  async #writeLast(): Promise<void> {
    const { store, scope } = this.#options;
    const fleet = this.#snapshot();
    // Before it was told what it was, the snapshots in the store are the better ones.
    const hasRecovered = fleet.children.coordinator !== undefined;
    if (!this.#commits.isWhole || !hasRecovered) return;
    this.#agents.snapshots.markAllWorkers(fleet);
    const agents = this.#agents.snapshots.changed(fleet, true);
    if (agents.length > 0) await store.commit(this.#newTurn(nothingFound).commit(scope, agents));
  }

  #updateReadModel(news: TurnNews): void {
    this.#changeReadModel((readModel) => readModel.turnCommitted(news));
  }

  #changeReadModel(change: (readModel: ReadModelFeed) => void): void {
    try {
      change(this.#options.readModel);
    } catch (error) {
      this.#options.onListenerError(error);
    }
  }

  /** Tells the callers, and lets submissions go on that wait for the batch's id. */
  #batchRemoved(batchId: string, askers: readonly CommandInput[]): void {
    if (this.#isHalted) return;
    this.#changeReadModel((readModel) => readModel.batchRemoved(batchId));
    for (const { commandId } of askers) {
      if (commandId !== undefined) this.replies.settle({ commandId });
    }
    this.#wake();
  }

  /** Tells the callers that nothing is left of what was cleared. */
  #cleared(upToSettledSeq: number, askers: readonly CommandInput[]): void {
    if (this.#isHalted) return;
    this.#agents.messages.tellRemoved(upToSettledSeq);
    for (const { commandId } of askers) {
      if (commandId !== undefined) this.replies.settle({ commandId });
    }
    this.#wake();
  }

  /** The turn that this wakes sets the alarm for the next try. */
  #removalFailed(error: Error, askers: readonly CommandInput[]): void {
    if (error instanceof FencedError) this.lifetime.lose(error);
    if (this.#isHalted) return;
    for (const asker of askers) this.#answerRefusal(asker, error);
    this.#wake();
  }

  /** Whatever failed is the store's: the turns rest until it is back. */
  #fail(error: unknown, turn: Turn | null, inputs: readonly TurnInput[]): void {
    // The actor has ended meanwhile: nobody is left to tell.
    if (this.#snapshot().status !== 'active') return;
    this.#commits.failed(error, turn, inputs);
    this.#agents.messages.tellResults();
    this.#send({ type: 'commit.failed', problem: problemOf(error) });
  }

  /** Whether the commit of unknown outcome took no effect, and the next turn may be taken. If it did, its effects leave now. */
  async #isRefused(): Promise<boolean> {
    const decision = await this.#commits.decide();
    switch (decision.status) {
      case 'refused':
        return true;
      case 'committed':
        if (!this.#isHalted) this.#release(decision.attempted, decision.payloads);
        return false;
      case 'unknown':
        this.#send({ type: 'commit.failed', problem: problemOf(decision.error) });
        return false;
      case 'fenced':
        this.lifetime.lose(decision.error);
        return false;
    }
  }

  /** Tells the caller, or whoever listens where the command came as an event. */
  #answerRefusal({ command, commandId }: Pick<CommandInput, 'command' | 'commandId'>, error: Error): void {
    if (commandId !== undefined) this.replies.settle({ commandId, error });
    else this.#send({ type: 'facts.released', facts: [refusalOf(command, error)] });
  }

  get #isHalted(): boolean {
    return this.lifetime.isHalted;
  }

  #wake(): void {
    this.#isCalled = true;
    if (this.#isAwake) return;
    this.#isAwake = true;
    this.#send({ type: 'turn.due' });
  }

  /** An actor that has ended, maybe by whom it has just told something, hears nothing. */
  #send(event: FleetEvent): void {
    if (this.#snapshot().status === 'active') this.#fleet!.send(event);
  }

  #snapshot(): FleetSnapshot {
    return this.#fleet!.getSnapshot();
  }

  #rowsOf(seqs: readonly number[]): TaskRow[] {
    return seqs.flatMap((seq) => this.ledger.tasks.get(seq) ?? []);
  }

  /** Whether workers are processes elsewhere. */
  get #isRemote(): boolean {
    return this.#options.executor.isRemote === true;
  }

  #limits(): AttemptLimits {
    const { workerTimeout, cancelGraceMs, retry } = this.#snapshot().context.config;
    const latestRetryAt = this.#options.clock.now() + retry.maxMs;
    return { activeNow: this.#active.now(), latestRetryAt, workerTimeout, cancelGraceMs };
  }
}

const unreadableData = 'Its data could not be read from the store';
