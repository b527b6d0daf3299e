import { isDeepStrictEqual } from 'node:util';
import type { FleetSnapshot } from '../../machines/fleetMachine.ts';
import type { FleetAgents } from '../agents/fleetAgents.ts';
import type { Clock } from '../clock.ts';
import { FencedError, StoreError } from '../errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { LedgerHead, Payload, Store, StoredAgent } from '../store.ts';
import type { Turn } from '../turn/turn.ts';
import type { CommandInput, TurnInput } from '../turn/turnInput.ts';
import type { Inbox } from './inbox.ts';
import { findPayloads } from './lookups.ts';

export interface CommitsOptions {
  readonly scope: string;
  readonly store: Store;
  readonly clock: Clock;
  readonly ledger: Ledger;
  /** Gets back what a turn that was not committed had taken. */
  readonly inbox: Inbox;
  readonly agents: FleetAgents;
  /** Tells whoever waits for a submission that the store refused it. */
  readonly refuse: (submission: CommandInput, error: Error) => void;
}

/** A turn that is handed to the store, with what it came from. */
export interface Attempted {
  readonly turn: Turn;
  readonly inputs: readonly TurnInput[];
  /** What it makes of the numbers of the fleet. */
  readonly head: LedgerHead;
  /** Monotonic: when it was handed over. */
  readonly handedOverAt: number;
}

/** What became of a commit of unknown outcome. */
export type Decision =
  | { readonly status: 'committed'; readonly attempted: Attempted; readonly payloads: Payloads }
  | { readonly status: 'refused' }
  | { readonly status: 'unknown'; readonly error: unknown }
  | { readonly status: 'fenced'; readonly error: FencedError };

/** Payloads that the attempts of a turn need from the store, by the sequence number of their task. */
export type Payloads = ReadonlyMap<number, Payload>;

/**
 * Hands turns to the store, one at a time, and knows what it has of them: the last one whole, nothing of it, or that
 * this is still to be found out.
 */
export class Commits {
  readonly #options: CommitsOptions;
  /** A commit of which it is not known whether it took effect. */
  #undecided: Attempted | null = null;
  /** Since the store last did what it was asked. */
  #failures = 0;

  constructor(options: CommitsOptions) {
    this.#options = options;
  }

  /** Whether it is to be found out what became of the last one before the next is taken. */
  get isUndecided(): boolean {
    return this.#undecided !== null;
  }

  /** Whether the store has all that it was given. */
  get isWhole(): boolean {
    return this.#undecided === null && this.#failures === 0;
  }

  /**
   * Commits a turn, and makes it the ledger's.
   *
   * @param fleet - The snapshot of which `changed` are the parts that the store lacks.
   * @throws whatever the store throws, which {@link Commits.failed} is to be told.
   */
  async write(
    attempted: Attempted,
    fleet: FleetSnapshot,
    changed: readonly StoredAgent[]
  ): Promise<Payloads> {
    const { store, scope, agents } = this.#options;
    const { turn } = attempted;
    let payloads: Payloads | Promise<Payloads> = noPayloads;
    if (!turn.isIdle || changed.length > 0) {
      this.#undecided = attempted;
      const committing = store.commit(turn.commit(scope, changed));
      // Asked for in the wake of the commit, so that the two share one trip.
      payloads = this.#readPayloads(turn);
      await committing;
      this.#undecided = null;
      agents.snapshots.committed(fleet);
      turn.apply();
    }
    this.#failures = 0;
    return payloads;
  }

  /**
   * A turn failed. What it staged is undone, unless it may have taken effect after all.
   *
   * @param turn - `null`: it was not made yet.
   */
  failed(error: unknown, turn: Turn | null, inputs: readonly TurnInput[]): void {
    this.#failures += 1;
    if (this.#undecided === null) {
      // It failed before the store was asked to write anything.
      if (turn !== null) this.#undo(turn);
      this.#options.inbox.putBack(inputs);
    } else if (!(error instanceof StoreError && error.outcome === 'unknown')) {
      this.#refuse(this.#undecided, error);
    }
  }

  /** Finds out whether the commit of unknown outcome took effect. If it did, it is the ledger's. */
  async decide(): Promise<Decision> {
    const { store, scope, ledger } = this.#options;
    const attempted = this.#undecided!;
    let head: LedgerHead | null;
    try {
      head = await store.readHead(scope);
    } catch (error) {
      this.#failures += 1;
      return { status: 'unknown', error };
    }
    if ((head?.turn ?? 0) <= ledger.head.turn) {
      this.#refuse(attempted, new StoreError('ERR_STORE_IO', 'The commit did not take effect', 'refused'));
      return { status: 'refused' };
    }
    // The turn of its number may be another owner's.
    if (!isDeepStrictEqual(head, attempted.head)) {
      return { status: 'fenced', error: FencedError.ofFleet(scope, 'another owner has written since') };
    }
    this.#undecided = null;
    this.#failures = 0;
    attempted.turn.apply();
    return { status: 'committed', attempted, payloads: await this.#readPayloads(attempted.turn) };
  }

  /**
   * Resolves when the store may be tried again: after a pause that doubles from 100 ms up to 5 s.
   *
   * @param signal - Aborted when nobody waits any more: the fleet stops.
   */
  awaitStore(signal: AbortSignal): Promise<void> {
    const delayMs = Math.min(5_000, 100 * 2 ** (this.#failures - 1));
    return new Promise((resolve) => {
      const alarm = this.#options.clock.setAlarm(resolve, delayMs);
      signal.addEventListener('abort', () => alarm[Symbol.dispose](), { once: true });
    });
  }

  /** Payloads of started tasks that memory lacks. What cannot be read is given back by the next turn. */
  #readPayloads(turn: Turn): Promise<Payloads> | Payloads {
    const { store, scope } = this.#options;
    const missing: number[] = [];
    for (const { context } of turn.started) {
      if (turn.payload(context.seq) === undefined) missing.push(context.seq);
    }
    return missing.length === 0 ? noPayloads : findPayloads(store, scope, missing);
  }

  /** The store has nothing of the turn: its submissions are answered, the rest is taken again. */
  #refuse({ turn, inputs }: Attempted, error: unknown): void {
    this.#undecided = null;
    this.#undo(turn);
    const kept: TurnInput[] = [];
    for (const input of inputs) {
      if (input.type !== 'command' || !isSubmission(input)) kept.push(input);
      else this.#options.refuse(input, error as Error);
    }
    this.#options.inbox.putBack(kept);
  }

  #undo(turn: Turn): void {
    turn.undo();
    this.#options.agents.undone(turn);
  }
}

const noPayloads: Payloads = new Map();

function isSubmission({ command: { type } }: CommandInput): boolean {
  return (
    type === 'batch.submit' ||
    type === 'task.submit' ||
    type === 'task.retry' ||
    type === 'result.submit' ||
    type === 'schedule.put'
  );
}
