/** A promise of the fleet that was not kept. */
export interface Finding {
  readonly kind: FindingKind;
  readonly message: string;
  /** Ms since the start of the simulation. */
  readonly atMs: number;
}

/** The first seven are counted by every harness; the others are invariants that only a simulation can look at. */
export type FindingKind =
  | 'lost'
  | 'duplicated'
  | 'stuck'
  | 'over limit'
  | 'unhandled'
  | 'leaked'
  /** An answer that the call must not get. */
  | 'answer'
  /** Counts of a batch or of the fleet that are not those of the rows. */
  | 'count'
  /** A result, an outcome or data that is not what the handler was given or gave. */
  | 'result'
  | 'order'
  /** A task that was started although it was cancelled. */
  | 'cancelled'
  /** An attempt, a retry or a timeout before its time. */
  | 'early'
  /** Work that waits though nothing keeps it. */
  | 'idle';

/** More of them tell nothing new. */
const most = 1_000;

/** What the oracle has found, in order. */
export class Findings {
  readonly all: Finding[] = [];
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  add(kind: FindingKind, message: string): void {
    if (this.all.length < most) this.all.push({ kind, message, atMs: this.#nowMs() });
  }

  count(kind: FindingKind): number {
    return this.all.filter((finding) => finding.kind === kind).length;
  }
}
