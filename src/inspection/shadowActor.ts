import type {
  ActorRefLike,
  AnyEventObject,
  AnyMachineSnapshot,
  AnyStateMachine,
  InspectionEvent
} from 'xstate';
import type { RowStep } from '../journal/turnObserver.ts';

/** A row of any kind. */
export type ShadowedRow = RowStep['after'];

/**
 * What an inspector sees of one row: an actor of its machine, as it would be if the row were one.
 *
 * It is looked at only. It has no mailbox, no timers and no effects, and what is sent to it is lost: its snapshots are
 * those of the row. Its events are those that XState's actors tell of themselves, in the same order.
 */
export class ShadowActor implements ActorRefLike {
  /** What a person calls it: `task:monday/3`. */
  readonly id: string;
  /** Unique in the process, as those of XState are. */
  readonly sessionId: string;
  readonly logic: AnyStateMachine;
  /** The actor that steps it: the fleet's. */
  readonly _parent: ActorRefLike;

  readonly #tell: (event: InspectionEvent) => void;
  #row: ShadowedRow;
  #snapshot: AnyMachineSnapshot;

  /** @param tell - Must not throw. */
  constructor(
    id: string,
    logic: AnyStateMachine,
    fleet: ActorRefLike,
    row: ShadowedRow,
    tell: (event: InspectionEvent) => void
  ) {
    this.id = id;
    this.sessionId = `${fleet.sessionId}/${id}`;
    this.logic = logic;
    this._parent = fleet;
    this.#tell = tell;
    this.#row = row;
    this.#snapshot = this.#resolve(row);
  }

  getSnapshot(): AnyMachineSnapshot {
    return this.#snapshot;
  }

  /** Rows are stepped by turns: what is sent to their shadows changes nothing. */
  send(): void {}

  toJSON(): unknown {
    return { xstate$$type: 1, id: this.id };
  }

  /** It is there, in the state that its row is in: new, or brought along by an earlier process. */
  appear(): void {
    this.#tell({ type: '@xstate.actor', rootId: this._parent.sessionId, actorRef: this });
    this.#take({ type: 'xstate.init' });
  }

  /** Its row was stepped. */
  step(event: AnyEventObject, row: ShadowedRow): void {
    this.#row = row;
    this.#snapshot = this.#resolve(row);
    this.#take(event);
  }

  /** It is followed no longer, or its row was removed before it was final. */
  stop(): void {
    this.#snapshot = this.#resolve(this.#row, 'stopped');
    this.#show({ type: 'xstate.stop' });
  }

  #take(event: AnyEventObject): void {
    const { sessionId: rootId } = this._parent;
    this.#tell({ type: '@xstate.event', rootId, sourceRef: this._parent, actorRef: this, event });
    this.#show(event);
  }

  #show(event: AnyEventObject): void {
    const { sessionId: rootId } = this._parent;
    this.#tell({ type: '@xstate.snapshot', rootId, actorRef: this, event, snapshot: this.#snapshot });
  }

  #resolve({ state, context }: ShadowedRow, status: 'active' | 'stopped' = 'active'): AnyMachineSnapshot {
    return this.logic.resolveState({ value: state, context, status }) as AnyMachineSnapshot;
  }
}
