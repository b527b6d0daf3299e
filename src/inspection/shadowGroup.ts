import type { ActorRefLike, AnyEventObject, AnyStateMachine, InspectionEvent } from 'xstate';
import type { RowChoice } from './rowSamples.ts';
import { ShadowActor, type ShadowedRow } from './shadowActor.ts';

export interface ShadowGroupOptions<TRow extends ShadowedRow> {
  readonly kind: 'task' | 'batch' | 'schedule';
  readonly machine: AnyStateMachine;
  readonly choice: RowChoice<TRow>;
  /** What tells one row from the others of its kind. */
  readonly idOf: (row: TRow) => string;
  readonly isFinal: (row: TRow) => boolean;
  /** The fleet's actor. */
  readonly fleet: ActorRefLike;
  /** Must not throw. */
  readonly tell: (event: InspectionEvent) => void;
}

/**
 * The rows of one kind that an inspector follows: never more than the sample's `max`.
 *
 * A place is free again when its row is final. So few take a place within a second that a busy fleet, whose tasks come
 * and go by the thousand, is not followed task by task after all.
 */
export class ShadowGroup<TRow extends ShadowedRow> {
  readonly #options: ShadowGroupOptions<TRow>;
  readonly #shadows = new Map<string, ShadowActor>();
  /** Epoch ms. */
  #secondBegan = -Infinity;
  /** In this second. */
  #newcomers = 0;
  /** The fleet has ended, maybe since the inspector stopped it in the middle of a turn. */
  #hasEnded = false;

  constructor(options: ShadowGroupOptions<TRow>) {
    this.#options = options;
  }

  /** Follows the rows that an earlier process left, as far as there are places. */
  restore(rows: Iterable<TRow>): void {
    const { choice } = this.#options;
    if (choice.max === 0) return;
    for (const row of rows) {
      if (choice.takes(row)) this.#appear(row);
      if (this.#hasEnded || this.#shadows.size >= choice.max) return;
    }
  }

  /**
   * A row was stepped, or made.
   *
   * @param at - Of the turn, epoch ms.
   */
  follow(event: AnyEventObject | null, row: TRow, at: number): void {
    const { idOf, isFinal } = this.#options;
    const id = idOf(row);
    // Its id was another one's, which the same turn removed.
    if (event === null) this.#stop(id);
    const shadow = this.#shadows.get(id);
    if (shadow === undefined || event === null) {
      if (this.#hasRoom(at) && !isFinal(row) && this.#options.choice.takes(row)) {
        this.#newcomers += 1;
        this.#appear(row);
      }
      return;
    }
    shadow.step(event, row);
    if (isFinal(row)) this.#shadows.delete(id);
  }

  /** Lets those go whose rows were removed before they were final. */
  keepOnly(isThere: (id: string) => boolean): void {
    for (const id of this.#shadows.keys()) if (!isThere(id)) this.#stop(id);
  }

  stop(): void {
    this.#hasEnded = true;
    for (const id of this.#shadows.keys()) this.#stop(id);
  }

  #hasRoom(at: number): boolean {
    const { max } = this.#options.choice;
    if (this.#hasEnded || this.#shadows.size >= max) return false;
    // It is another second also when the clock was set back.
    if (Math.abs(at - this.#secondBegan) >= 1_000) {
      this.#secondBegan = at;
      this.#newcomers = 0;
    }
    return this.#newcomers < max;
  }

  #appear(row: TRow): void {
    const { kind, machine, idOf, fleet, tell } = this.#options;
    const id = idOf(row);
    const shadow = new ShadowActor(`${kind}:${id}`, machine, fleet, row, tell);
    this.#shadows.set(id, shadow);
    shadow.appear();
  }

  #stop(id: string): void {
    this.#shadows.get(id)?.stop();
    this.#shadows.delete(id);
  }
}
