/** A worker beyond the fleet's own that waits for one task. */
export interface Offer {
  /** Unique in a run of the fleet. */
  readonly id: string;
  readonly workerId: string;
}

/**
 * Workers that come for one task and go: whoever has waited longest is served first.
 *
 * A turn takes an offer when it claims a task for it, and puts it back if it is not committed. So an offer is
 * open, or a turn is under way with it, or it has had its task.
 */
export class Offers {
  readonly #open = new Map<string, Offer>();

  get size(): number {
    return this.#open.size;
  }

  add(offer: Offer): void {
    this.#open.set(offer.id, offer);
  }

  /** @returns `false`: a turn has taken it. */
  withdraw(id: string): boolean {
    return this.#open.delete(id);
  }

  /** The one that has waited longest. */
  next(): Offer | undefined {
    return this.#open.values().next().value;
  }

  take({ id }: Offer): void {
    this.#open.delete(id);
  }

  /** Undoes {@link Offers.take}, in the order in which they were taken: they waited before all others. */
  putBack(offers: Iterable<Offer>): void {
    const later = [...this.#open.values()];
    this.#open.clear();
    for (const offer of offers) this.add(offer);
    for (const offer of later) this.add(offer);
  }
}
