import type { ActorRefFrom } from 'xstate';
import type { autoscalerMachine, AutoscalerEvent, ScalingRequest } from '../../machines/autoscalerMachine.ts';
import type { Autoscale, FleetConfig } from '../../machines/fleetConfig.ts';
import type { ScalingReason } from '../../machines/fleetFact.ts';
import type { FleetRef } from '../../machines/fleetMachine.ts';
import { wantedSlots } from '../../machines/workerSlots.ts';
import type { ActiveClock } from '../journal/activeClock.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Turn } from '../turn/turn.ts';
import type { TurnContext } from '../turn/turnContext.ts';

/** A decision of the autoscaler that is not durable yet. */
interface Decision extends ScalingRequest {
  readonly reason: ScalingReason;
  /** Slots that hold nothing, and go. */
  readonly spare: readonly string[];
}

/**
 * Tells the autoscaler the load when there may be something to decide, and has its decisions made durable.
 *
 * It has no timer: each turn looks, and the fleet's alarm has a turn taken at {@link Autoscaling.nextAt}. All its
 * times are active time: while the event loop is blocked, neither a queue nor an idle worker means anything.
 */
export class Autoscaling {
  readonly #ledger: Ledger;
  readonly #active: ActiveClock;
  readonly #fleet: () => FleetRef;
  /** The config that was durable last; `null` before the first turn. */
  #config: FleetConfig | null = null;
  #decision: Decision | null = null;
  /** When the queue will have been too long for long enough; `null`: it is not. */
  #growAt: number | null = null;
  /** A cooldown in which the workers that are busy at once are watched; `null`: none is. */
  #watch: { readonly endsAt: number; peak: number } | null = null;
  /** Whether some workers could go, so that the end of the watch is worth a turn. */
  #isShrinkable = false;

  constructor(ledger: Ledger, active: ActiveClock, fleet: () => FleetRef) {
    this.#ledger = ledger;
    this.#active = active;
    this.#fleet = fleet;
  }

  /** Whether a turn is to make a decision durable. */
  get hasDecided(): boolean {
    return this.#decision !== null;
  }

  /** When a turn is to look, in active time; `undefined`: whenever there is one. */
  get nextAt(): number | undefined {
    const at = Math.min(
      this.#growAt ?? Infinity,
      this.#isShrinkable && this.#watch !== null ? this.#watch.endsAt : Infinity
    );
    return at === Infinity ? undefined : at;
  }

  /**
   * Tells the world, and the autoscaler, of the number of workers that a turn has made durable. Before the workers hear
   * of it.
   *
   * @returns Slots that go before any other.
   */
  apply(config: FleetConfig): readonly string[] {
    const decision = this.#decision;
    this.#decision = null;
    if (decision !== null) this.#tell({ type: 'scaling.applied' });
    if (config === this.#config) return [];
    this.#config = config;
    const { slots, parked } = this.#fleet().getSnapshot().context;
    const from = slots - parked.length;
    const to = config.maxConcurrentWorkers;
    if (from === to) return [];
    // Its cooldown begins.
    this.#rest();
    // Somebody may have set it since it was decided.
    const reason = decision?.to === to ? decision.reason : 'manual';
    this.#fleet().send({ type: 'facts.released', facts: [{ type: 'workers.scaled', from, to, reason }] });
    return decision?.spare ?? [];
  }

  /** Looks at the load as a turn has left it. */
  look({ context }: Turn): void {
    const { config, isDispatching } = context;
    const { autoscale: policy, maxConcurrentWorkers: workers } = config;
    // The queue of a paused fleet does not wait for workers.
    if (policy === null || !isDispatching || this.#autoscaler?.getSnapshot().value === 'manual') {
      this.#rest();
      return;
    }
    const now = this.#active.now();
    const { busy } = this.#ledger.roster;
    this.#watch ??= watchFrom(now, busy, policy);
    this.#watch.peak = Math.max(this.#watch.peak, busy);
    const { endsAt, peak } = this.#watch;
    if (now >= endsAt) {
      this.#tell({ type: 'cooldown.ended' });
      this.#watch = watchFrom(now, busy, policy);
    }
    const ready = this.#readyTasks(context, policy.maxWorkers);
    const isStranded = ready > 0 && this.#isStranded(config, policy.maxWorkers);
    const load = { ready, isStranded, workers, concurrency: config.workerConcurrency };
    const isShort = (ready > policy.scaleUpThreshold || isStranded) && workers < policy.maxWorkers;
    if (!isShort) {
      this.#growAt = null;
      if (now >= endsAt) this.#measure({ type: 'load.measured', ...load, peak });
    } else if (this.#growAt === null) {
      this.#growAt = now + policy.intervalMs;
    } else if (now >= this.#growAt) {
      this.#growAt = now + policy.intervalMs;
      this.#measure({ type: 'load.measured', ...load, peak: null });
    }
    this.#isShrinkable = workers > policy.minWorkers && policy.scaleDownThreshold > 0;
  }

  /** Nothing is watched for. */
  #rest(): void {
    this.#growAt = null;
    this.#watch = null;
    this.#isShrinkable = false;
  }

  /** Tasks that would run at once if there were as many workers as there may be: at most so many. */
  #readyTasks({ config, types, activeNow }: TurnContext, maxWorkers: number): number {
    const { head, batches, queuedKinds, typeUse } = this.#ledger;
    let ready = head.stats.counts.queued;
    if (ready === 0) return 0;
    for (const { state, context } of batches.values()) {
      if (state === 'paused' || state === 'cancelling') ready -= context.counts.queued;
    }
    const roomOf = (type: string): number => (types?.has(type) === false ? 0 : typeUse.room(type, activeNow));
    return Math.min(ready, queuedKinds.served(offersOf(config, maxWorkers), roomOf));
  }

  /** Whether a task waits for tags that no worker offers now, and more workers would: one such task would wait for ever. */
  #isStranded(config: FleetConfig, maxWorkers: number): boolean {
    const { queuedKinds, roster } = this.#ledger;
    const unserved = queuedKinds.unserved(roster.offers);
    return unserved > 0 && unserved > queuedKinds.unserved(offersOf(config, maxWorkers));
  }

  #measure(load: Extract<AutoscalerEvent, { type: 'load.measured' }>): void {
    const before = this.#autoscaler?.getSnapshot().context.request;
    this.#tell(load);
    const request = this.#autoscaler?.getSnapshot().context.request;
    if (!request || request === before) return;
    const isGrowth = request.to > request.from;
    this.#decision = {
      ...request,
      reason: isGrowth ? 'queue' : 'idle',
      spare: isGrowth ? [] : this.#reserveIdle(request.from - request.to)
    };
  }

  /** Chooses workers that hold nothing, the last ones first. The next turn gives them nothing. */
  #reserveIdle(count: number): readonly string[] {
    const { roster } = this.#ledger;
    const busy = new Set<string>();
    for (const { slot, isHolding } of roster.all()) if (isHolding) busy.add(slot);
    const idle = wantedSlots(this.#fleet().getSnapshot().context).filter((slot) => !busy.has(slot));
    const spare = new Set(idle.slice(-count));
    for (const { slot, workerId } of roster.all()) if (spare.has(slot)) roster.setAccepting(workerId, false);
    return [...spare];
  }

  #tell(event: AutoscalerEvent): void {
    this.#autoscaler?.send(event);
  }

  get #autoscaler(): ActorRefFrom<typeof autoscalerMachine> | undefined {
    return this.#fleet().getSnapshot().children.autoscaler;
  }
}

/** What so many workers offer. */
function offersOf({ workerGroups }: FleetConfig, workers: number): { readonly tags: ReadonlySet<string> }[] {
  const offers: { readonly tags: ReadonlySet<string> }[] = [];
  let left = workers;
  for (const group of workerGroups) {
    if (left <= 0) break;
    offers.push({ tags: new Set(group.tags) });
    left -= group.workers;
  }
  return offers;
}

/** Long enough for both times: what is shorter than `intervalMs` is not looked at. */
function watchFrom(now: number, busy: number, { cooldownMs, intervalMs }: Autoscale) {
  return { endsAt: now + Math.max(cooldownMs, intervalMs), peak: busy };
}
