import type { FleetConfig } from '../../machines/fleetConfig.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Store } from '../store.ts';
import type { Turn } from '../turn/turn.ts';
import type { CommandInput, TurnInput } from '../turn/turnInput.ts';

/** How often retention looks at the clock, and when a removal that failed is tried again, ms. */
const pauseMs = 60_000;
/** Batches that retention lets go at once: a caller's removal waits behind so many. */
const batchesAtOnce = 20;

export interface RemovalOptions {
  readonly scope: string;
  readonly store: Store;
  readonly ledger: Ledger;
  /** Puts an input into the next turn. */
  readonly collect: (input: TurnInput) => void;
  /** The batch is gone, durably. */
  readonly onRemoved: (batchId: string, askers: readonly CommandInput[]) => void;
  /** Results from outside up to this position, which were cleared, are gone. */
  readonly onCleared: (upToSettledSeq: number, askers: readonly CommandInput[]) => void;
  /** The last result that was cleared. */
  readonly clearedSeq: () => number;
  /** The last result that the store's statistics count: what retention counts off goes up to it. */
  readonly countedSeq: () => number;
  /** It may be there whole, or half removed and seen by nobody; it is tried again. */
  readonly onFailed: (error: Error, askers: readonly CommandInput[]) => void;
}

/** A batch that a turn let go. */
export interface Removal {
  readonly batchId: string;
  /** Who waits for its end; `null`: retention does. */
  readonly asker: CommandInput | null;
}

/** Results from outside that were cleared, and who waits for their removal. */
interface Clearing {
  readonly upToSettledSeq: number;
  readonly askers: readonly CommandInput[];
}

/** What the look at the clock that is under way lets go. */
interface Expiry {
  /** Epoch ms; `null`: nothing goes for its age. */
  readonly settledBefore: number | null;
  readonly maxBatches: number | null;
  /** Results from outside go up to this position; `null`: none goes for its number. */
  readonly outsideUpTo: number | null;
  /** What settles while it is under way stays, though the clock is set back. */
  readonly upToSettledSeq: number;
}

/**
 * Removes batches from the store, one after the other and a slice at a time, beside the turns.
 *
 * Which batches go is decided in turns, be it that a caller asks or that retention does; a batch goes after the
 * commit of that turn, which has the coordinator count its results first. It has no timer: each turn looks whether
 * retention is due, and the fleet's alarm has a turn taken at {@link Removals.nextAt}.
 */
export class Removals {
  /** Batches that are gone. */
  ended = 0;
  readonly #options: RemovalOptions;
  /** In the order of their removal, the one that is under way first. */
  readonly #askers = new Map<string, CommandInput[]>();
  #retention: FleetConfig['retention'] | null = null;
  #expiry: Expiry | null = null;
  #clearing: Clearing | null = null;
  /** The store failed while it removed what was cleared up to there. It is tried again. */
  #unfinishedClearing: number | null = null;
  /** Batches that retention found are with a turn. */
  #isOffered = false;
  /** When retention last looked, epoch ms. */
  #lookedAt = -Infinity;
  #hasFailed = false;
  #isWorking = false;
  #working: Promise<void> = Promise.resolve();
  #isHalted = false;

  constructor(options: RemovalOptions) {
    this.#options = options;
  }

  /** Puts in what an earlier process began; it goes on after the first turn. */
  resume(batchIds: readonly string[]): void {
    for (const batchId of batchIds) this.#add({ batchId, asker: null });
  }

  /** Goes on with what an earlier process cleared. */
  resumeClearing(upToSettledSeq: number): void {
    this.#clearing = { upToSettledSeq, askers: [] };
  }

  /** Whether results may be removed when the turn is committed, and be it those that came last. */
  reaches({ removals, results, context: { at, config } }: Turn, settledSeq: number): boolean {
    const { maxAgeMs, maxResults } = config.retention;
    if (removals.length > 0) return true;
    if (maxAgeMs !== null && (config.retention !== this.#retention || this.#isDue(at))) return true;
    const { head } = this.#options.ledger;
    return maxResults !== null && head.settledSeq + results.length - maxResults > settledSeq;
  }

  /** Takes over what a turn let go, now that it is durable. */
  take(turn: Turn): void {
    for (const removal of turn.removals) this.#add(removal);
    if (turn.clears.length > 0) {
      const askers = [...(this.#clearing?.askers ?? []), ...turn.clears];
      this.#clearing = { upToSettledSeq: this.#options.clearedSeq(), askers };
    }
    if (turn.hasExpired) this.#isOffered = false;
    this.#look(turn);
    if (this.#isWorking || !this.#hasWork) return;
    this.#isWorking = true;
    this.#working = this.#work();
  }

  /** When a turn is to look at the clock, epoch ms; `undefined`: whenever there is one. */
  get nextAt(): number | undefined {
    const { maxAgeMs = null, maxResults = null } = this.#retention ?? {};
    return maxAgeMs !== null || maxResults !== null || this.#hasFailed ? this.#lookedAt + pauseMs : undefined;
  }

  /** No further slice is begun. What is left of a batch goes after the next start. */
  halt(): void {
    this.#isHalted = true;
  }

  /** The same, and waits for the slice that is under way. */
  async stop(): Promise<void> {
    this.halt();
    await this.#working;
  }

  #add({ batchId, asker }: Removal): void {
    const askers = this.#askers.get(batchId) ?? [];
    if (asker !== null) askers.push(asker);
    this.#askers.set(batchId, askers);
    this.#options.ledger.removing.set(batchId, 'underway');
  }

  #look({ context: { at, config }, facts, results }: Turn): void {
    const { ledger } = this.#options;
    const { retention } = config;
    const { maxAgeMs, maxBatches, maxResults } = retention;
    const isChanged = retention !== this.#retention;
    this.#retention = retention;
    const isDue = this.#isDue(at);
    const isCrowded =
      (maxBatches !== null && facts.some(({ type }) => type === 'batch.settled')) ||
      (maxResults !== null && results.length > 0);
    if (isDue) {
      this.#lookedAt = at;
      this.#hasFailed = false;
      if (this.#unfinishedClearing !== null) this.resumeClearing(this.#unfinishedClearing);
      this.#unfinishedClearing = null;
      for (const [batchId, state] of ledger.removing) {
        if (state === 'interrupted' && !this.#askers.has(batchId)) this.#askers.set(batchId, []);
      }
    }
    if (!isChanged && !isDue && !isCrowded) return;
    const isAging = maxAgeMs !== null && (isChanged || isDue);
    const expiry: Expiry = {
      settledBefore: isAging ? at - maxAgeMs : null,
      maxBatches,
      outsideUpTo: maxResults === null ? null : ledger.head.settledSeq - maxResults,
      upToSettledSeq: ledger.head.settledSeq
    };
    if (isChanged || isDue || this.#expiry === null) this.#expiry = expiry;
    else this.#expiry = { ...this.#expiry, maxBatches, outsideUpTo: expiry.outsideUpTo };
    if (maxAgeMs === null && maxBatches === null && maxResults === null) this.#expiry = null;
  }

  /** Before the last look only when the clock was set back. */
  #isDue(at: number): boolean {
    return at >= this.#lookedAt + pauseMs || at < this.#lookedAt;
  }

  get #hasWork(): boolean {
    if (this.#isHalted) return false;
    return this.#askers.size > 0 || this.#clearing !== null || (this.#expiry !== null && !this.#isOffered);
  }

  async #work(): Promise<void> {
    while (this.#hasWork) {
      const [next] = this.#askers.keys();
      if (next !== undefined) await this.#remove(next);
      else if (this.#clearing !== null) await this.#clear(this.#clearing);
      else await this.#expire(this.#expiry!);
    }
    this.#isWorking = false;
  }

  async #remove(batchId: string): Promise<void> {
    const { store, scope, ledger, onRemoved, onFailed } = this.#options;
    const askers = this.#askers.get(batchId)!;
    try {
      const isUnbegun = ledger.removing.get(batchId) === 'interrupted' && (await this.#isThere(batchId));
      if (this.#isHalted) return;
      // Whoever asked for it was told so. Another one may ask for it now.
      if (isUnbegun && askers.length === 0) return this.#forget(batchId);
      ledger.removing.set(batchId, 'underway');
      while (await store.removeBatch(scope, batchId)) if (this.#isHalted) return;
      this.#forget(batchId);
      this.ended += 1;
      onRemoved(batchId, askers);
    } catch (error) {
      this.#askers.delete(batchId);
      this.#giveUp();
      const isThere = !this.#isHalted && (await this.#isThere(batchId).catch(() => false));
      // Whoever has asked meanwhile has it tried again.
      if (!this.#askers.has(batchId)) {
        if (isThere) ledger.removing.delete(batchId);
        else ledger.removing.set(batchId, 'interrupted');
      }
      onFailed(error as Error, askers);
    }
  }

  async #clear(clearing: Clearing): Promise<void> {
    const { store, scope, onCleared, onFailed } = this.#options;
    try {
      while (await store.removeOutsideResults(scope, clearing.upToSettledSeq)) if (this.#isHalted) return;
      // Who has cleared it again meanwhile waits for the rest.
      if (this.#clearing !== clearing) return;
      this.#clearing = null;
      onCleared(clearing.upToSettledSeq, clearing.askers);
    } catch (error) {
      const { askers, upToSettledSeq } = this.#clearing ?? clearing;
      this.#clearing = null;
      this.#unfinishedClearing = upToSettledSeq;
      this.#giveUp();
      onFailed(error as Error, askers);
    }
  }

  /** Removes the single tasks and the results from outside that are due, then offers the batches to a turn. */
  async #expire(expiry: Expiry): Promise<void> {
    const { store, scope, collect, onFailed } = this.#options;
    const { settledBefore, maxBatches, outsideUpTo, upToSettledSeq } = expiry;
    try {
      if (settledBefore !== null) {
        const query = { receivedBefore: settledBefore, upToSettledSeq };
        if (await store.removeExpiredResults(scope, query)) return;
      }
      if (this.#isHalted) return;
      if (outsideUpTo !== null) {
        const upTo = Math.min(outsideUpTo, this.#options.countedSeq());
        if (await store.removeOutsideResults(scope, upTo)) return;
      }
      if (this.#isHalted) return;
      const query = { settledBefore, keep: maxBatches, limit: batchesAtOnce };
      const batches = await store.listExpiredBatches(scope, query);
      // Something may have become due meanwhile.
      if (batches.length === 0 && this.#expiry === expiry) this.#expiry = null;
      if (batches.length === 0 || this.#isHalted) return;
      this.#isOffered = true;
      collect({ type: 'batches.expired', batches });
    } catch (error) {
      this.#giveUp();
      onFailed(error as Error, []);
    }
  }

  async #isThere(batchId: string): Promise<boolean> {
    const { store, scope } = this.#options;
    return (await store.readBatch(scope, batchId)) !== null;
  }

  #forget(batchId: string): void {
    this.#askers.delete(batchId);
    this.#options.ledger.removing.delete(batchId);
  }

  /** The store fails: retention rests until its next look. */
  #giveUp(): void {
    this.#expiry = null;
    this.#hasFailed = true;
  }
}
