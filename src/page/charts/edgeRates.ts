import type { Frame, FrameEdge } from '../../dashboard/frame.ts';
import { takenBetween, type TakenEdge } from './chartState.ts';

/** Ms over which rates are told. */
const windowMs = 1_000;

/**
 * Which transitions a live fleet takes, and how often, from its frames.
 *
 * An edge is told with the rate of the last whole second or so, and from the frame that first has it; it is told no
 * more after a second in which it was not taken.
 */
export class EdgeRates {
  #base: Frame | null = null;
  #latest: Frame | null = null;
  /** Of the last window. */
  #rates = new Map<string, TakenEdge>();
  /** Of actors, since `#base`: frames do not count what they did. */
  #moves = new Map<string, TakenEdge>();

  /** What is to glow once `frame` is shown. */
  add(frame: Frame): readonly TakenEdge[] {
    const [base, latest] = [this.#base, this.#latest];
    this.#latest = frame;
    if (base === null || latest === null || frame.at < base.at || frame.transitions < base.transitions) {
      this.#base = frame;
      this.#rates = new Map();
      this.#moves = new Map();
      return [];
    }
    for (const move of takenBetween(latest, frame)) this.#moves.set(keyOf(move), move);
    const ms = frame.at - base.at;
    if (ms < windowMs)
      return [...new Map([...takenSince(base, frame, null), ...this.#moves, ...this.#rates]).values()];
    this.#rates = new Map([...takenSince(base, frame, ms / 1_000), ...this.#moves]);
    this.#moves = new Map();
    this.#base = frame;
    return [...this.#rates.values()];
  }
}

/** @param seconds - Between the two; `null`: too few for a rate. */
function takenSince(before: Frame, after: Frame, seconds: number | null): Map<string, TakenEdge> {
  const counts = new Map(before.edges?.map((edge) => [keyOf(stepOf(edge)), edge.count]));
  const taken = new Map<string, TakenEdge>();
  for (const edge of after.edges ?? []) {
    const step = stepOf(edge);
    const key = keyOf(step);
    const times = edge.count - (counts.get(key) ?? 0);
    if (times > 0) taken.set(key, { ...step, perSecond: seconds === null ? null : times / seconds });
  }
  return taken;
}

function stepOf({ machine, event, source, target }: FrameEdge): TakenEdge {
  return { chart: machine, event, source, target, perSecond: null };
}

function keyOf({ chart, event, source, target }: TakenEdge): string {
  return `${chart} ${event ?? ''} ${source} ${target}`;
}
