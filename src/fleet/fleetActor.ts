import {
  createActor,
  type ActorOptions,
  type ActorRefFrom,
  type InspectionEvent,
  type Subscription
} from 'xstate';
import type { LedgerCommand, OperationCommand } from '../../machines/fleetCommand.ts';
import type { FleetConfig } from '../../machines/fleetConfig.ts';
import type { FleetRef, FleetSnapshot } from '../../machines/fleetMachine.ts';
import type { Clock } from '../clock.ts';
import { fleetLogic, type Fleet, type FleetLogic, type ResolvedOptions } from '../createFleet.ts';
import { FencedError, NotRunningError } from '../errors.ts';
import { outsideAttempts } from '../handlers/currentAttempt.ts';
import type { Journal } from '../journal/journal.ts';
import type { Lifetime } from '../journal/lifetime.ts';
import type { FleetEvents } from './fleetEvents.ts';
import { readStopOptions, type StopOptions } from './stopOptions.ts';
import { withResolvers } from './withResolvers.ts';

export interface FleetActorOptions {
  readonly options: ResolvedOptions;
  /** Puts together the fleet that the next start runs. */
  readonly create: () => Fleet;
  /** Take what each actor emits. */
  readonly events: FleetEvents;
  /** Passed to XState. */
  readonly actorOptions: Pick<ActorOptions<FleetLogic>, 'logger' | 'systemId'> & {
    readonly inspect?: (event: InspectionEvent) => void;
  };
  /** Called before each start, which waits for it and fails with it. */
  readonly onStarting?: () => Promise<void>;
  /** Called when it runs. What it gives is disposed of when the fleet begins to stop. */
  readonly onStarted?: () => Disposable;
  /** Called when the fleet has stopped, or could not start. Stops wait for it, and so does the next start. */
  readonly onEnded: () => Promise<void>;
}

/** What a fleet is doing: the state of its machine's `operation`. */
export type FleetState = FleetSnapshot['value']['operation'];

export interface StartingOptions {
  /** Ends the waiting of a fleet that stands by: the start is given up. */
  readonly signal?: AbortSignal;
}

const nothing: Disposable = { [Symbol.dispose]() {} };

/** The actor of a fleet, from each start to its stop: whoever wants something of it asks here. */
export class FleetActor {
  readonly #options: FleetActorOptions;
  #fleet: Fleet;
  #actor: ActorRefFrom<FleetLogic> | null = null;
  #starting: Promise<void> | null = null;
  /** Of a start that has no actor yet; never rejects. */
  #making: Promise<void> | null = null;
  #stopping: Promise<void> | null = null;
  /** From the end of a start to the begin of a stop. */
  #whileRunning: Disposable | null = null;
  /** From a start to a stop: whoever stands by and loses the ownership waits for it again. */
  #isWanted = false;

  constructor(options: FleetActorOptions) {
    this.#options = options;
    this.#fleet = options.create();
  }

  /** Of the fleet that runs, or ran last. */
  get journal(): Journal {
    return this.#fleet.journal;
  }

  get isActive(): boolean {
    return this.#actor?.getSnapshot().status === 'active';
  }

  /** Where its actor is; `null`: it does not run. */
  get snapshot(): FleetSnapshot | null {
    return this.isActive ? (this.#actor!.getSnapshot() as unknown as FleetSnapshot) : null;
  }

  /** What the fleet is doing. */
  get state(): FleetState {
    return this.#actor === null ? 'stopped' : this.#actor.getSnapshot().value.operation;
  }

  /** @param signal - Ends the waiting of a fleet that stands by. */
  start(signal?: AbortSignal): Promise<void> {
    this.#isWanted = true;
    // It ended by itself: that is made a stop, which the start waits for.
    if (this.#whileRunning !== null && !this.isActive) {
      this.#stopping = outsideAttempts(() => this.#stop(this.#actor!, false, 0));
    }
    this.#starting ??= outsideAttempts(() => this.#start()).catch((error: unknown) => {
      this.#starting = null;
      throw error;
    });
    return signal === undefined ? this.#starting : this.#startedBefore(signal, this.#starting);
  }

  /** Waits for a start that is under way, unless it stands by. @throws {NotRunningError} @throws what keeps it from that. */
  async started(command: string): Promise<void> {
    if (this.#starting === null || this.state === 'standby') this.requireOwner(command);
    await this.#starting;
  }

  async stop(options: StopOptions): Promise<void> {
    const { graceful, timeoutMs } = readStopOptions(options);
    this.#isWanted = false;
    if (this.#stopping === null && this.#making !== null) await this.#making;
    if (this.#actor === null) return;
    const actor = this.#actor;
    if (this.#stopping !== null && !graceful && this.isActive) {
      outsideAttempts(() => actor.send({ type: 'fleet.stop' }));
    }
    this.#stopping ??= outsideAttempts(() => this.#stop(actor, graceful, timeoutMs));
    await this.#stopping;
  }

  /** Sends a command and waits until it is carried out and durable, or refused. */
  send<TReply>(command: LedgerCommand | OperationCommand): Promise<TReply> {
    const actor = this.require(command.type);
    const { commandId, reply } = this.journal.replies.expect<TReply>();
    outsideAttempts(() => actor.send({ ...command, commandId }));
    return reply;
  }

  /** The actor, while it runs. @param command - What needs it. @throws {NotRunningError} */
  require(command: string): ActorRefFrom<FleetLogic> {
    if (this.#actor === null || !this.isActive) {
      throw new NotRunningError(this.#options.options.name, command, 'stopped');
    }
    return this.#actor;
  }

  /** The same for what needs the ledger: a fleet that stands by has none. @throws {NotRunningError} */
  requireOwner(command: string): ActorRefFrom<FleetLogic> {
    const actor = this.require(command);
    if (this.state === 'standby') throw new NotRunningError(this.#options.options.name, command, 'standby');
    return actor;
  }

  /** The config in force. @throws {NotRunningError} */
  configFor(command: string): FleetConfig {
    return this.require(command).getSnapshot().context.config;
  }

  async #start(): Promise<void> {
    const making = this.#makeActor();
    const made = (): void => void (this.#making = null);
    this.#making = making.then(made, made);
    try {
      const actor = await making;
      await startActor(actor, this.journal, this.#options.options.name);
      this.#whileRunning = this.#options.onStarted?.() ?? nothing;
      actor.subscribe({ complete: () => void this.#ended(this.journal.lifetime) });
    } catch (error) {
      await this.#options.onEnded();
      if (!this.#standsByAfter(error)) throw error;
      await this.#start();
    }
  }

  /** The actor of a fleet that ran has ended: by a stop, or because another process owns the fleet. */
  async #ended({ fenced }: Lifetime): Promise<void> {
    if (fenced === null) return;
    const ending = (this.#stopping ??= outsideAttempts(() => this.#stop(this.#actor!, false, 0)));
    await ending;
    // Unless somebody has stopped or started it meanwhile.
    if (this.#starting !== null || this.#stopping !== ending || !this.#standsByAfter(fenced)) return;
    this.start().catch((error: unknown) => {
      // That it was stopped meanwhile is no news to whoever did so.
      if (this.#isWanted) this.#options.events.report(error);
    });
  }

  #standsByAfter(error: unknown): boolean {
    return error instanceof FencedError && this.#options.options.standby && this.#isWanted;
  }

  /** Stops what has not come to run when nobody waits for it any more. @throws the signal's reason. */
  async #startedBefore(signal: AbortSignal, starting: Promise<void>): Promise<void> {
    const { promise: aborted, reject } = withResolvers<never>();
    const onAbort = (): void => {
      reject(signal.reason);
      starting.catch(() => {});
      void this.stop({ graceful: false });
    };
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([starting, aborted]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #makeActor(): Promise<ActorRefFrom<FleetLogic>> {
    await this.#stopping;
    const { options, create, events, actorOptions, onStarting } = this.#options;
    await onStarting?.();
    const { inspect, ...others } = actorOptions;
    // A fleet that has run is spent: the next one takes up from the store, and has the executor for itself.
    if (this.#actor !== null) {
      await this.journal.lifetime.ended();
      this.#fleet = create();
    }
    const logic = fleetLogic(options, () => this.#fleet);
    const actor = createActor(logic, { ...others, ...(inspect && { inspect: events.guarded(inspect) }) });
    this.#actor = actor;
    this.#stopping = null;
    events.attach(actor as unknown as FleetRef);
    return actor;
  }

  async #stop(actor: ActorRefFrom<FleetLogic>, graceful: boolean, timeoutMs: number): Promise<void> {
    // A start that comes meanwhile waits for the end of this, and begins anew.
    this.#starting = null;
    this.#whileRunning?.[Symbol.dispose]();
    this.#whileRunning = null;
    await stopActor(actor, this.#options.options.clock, graceful, timeoutMs);
    await this.#options.onEnded();
  }
}

/** Starts a fleet's actor. Resolves when it runs or is paused. @throws what kept it from that. */
async function startActor(actor: ActorRefFrom<FleetLogic>, journal: Journal, name: string): Promise<void> {
  let subscription: Subscription | undefined;
  const isReady = new Promise<void>((resolve, reject) => {
    subscription = actor.subscribe({
      next: ({ value }) => {
        if (value.operation === 'running' || value.operation === 'paused') resolve();
        if (value.operation === 'failed' || value.operation === 'closing') {
          reject(
            (journal.lifetime.startError as Error | null) ?? new NotRunningError(name, 'start', 'stopped')
          );
        }
      },
      error: reject
    });
  });
  actor.start();
  try {
    await isReady;
  } finally {
    // It would hear of each turn.
    subscription?.unsubscribe();
  }
}

/** Stops a fleet's actor, and waits for its end; it may have ended by itself. @param timeoutMs - How long running tasks may take, if graceful. */
async function stopActor(
  actor: ActorRefFrom<FleetLogic>,
  clock: Clock,
  graceful: boolean,
  timeoutMs: number
): Promise<void> {
  // One that could not be started has ended.
  if (actor.getSnapshot().status !== 'active') return;
  const isStopped = new Promise<void>((resolve) => {
    actor.subscribe({ complete: resolve, error: () => resolve() });
  });
  actor.send({ type: graceful ? 'fleet.drain' : 'fleet.stop' });
  const timer = clock.setAlarm(() => actor.send({ type: 'fleet.stop' }), timeoutMs);
  if (actor.getSnapshot().status === 'active') await isStopped;
  timer[Symbol.dispose]();
}
