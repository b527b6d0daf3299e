import type { ObservedTurn, TurnObserver } from '../journal/turnObserver.ts';
import type { FrameEdge } from './frame.ts';

/** Counts the transitions that rows take, by the edge of their chart. Bounded by what the charts have. */
export class EdgeCounter implements TurnObserver {
  readonly #edges = new Map<string, FrameEdge & { count: number }>();

  get edges(): readonly FrameEdge[] {
    return [...this.#edges.values()];
  }

  turnCommitted({ steps }: ObservedTurn): void {
    for (const { kind: machine, event, before, after } of steps) {
      if (event === null || before === null) continue;
      const key = `${machine} ${event.type} ${before.state} ${after.state}`;
      const edge = this.#edges.get(key);
      if (edge !== undefined) edge.count += 1;
      else {
        this.#edges.set(key, {
          machine,
          event: event.type,
          source: before.state,
          target: after.state,
          count: 1
        });
      }
    }
  }
}
