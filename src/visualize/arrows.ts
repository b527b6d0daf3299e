import { isWithin, withDescendants, type Chart, type ChartState, type ChartTransition } from './chart.ts';
import { arrowTargetsOf } from './words.ts';

/** A line from one place to another, whatever transitions it stands for. */
export interface Arrow {
  readonly from: Place;
  /** Path of the state that has the transitions: not that of `from`, where it begins in a region of that state. */
  readonly source: string;
  /** Path of a state. */
  readonly to: string;
  /** None: the way into an initial state, or on from a history state that remembers nothing. */
  readonly transitions: readonly ChartTransition[];
  /** Of an initial transition. */
  readonly actions: readonly string[];
}

/** Where an arrow begins: at a state, at the dot of a frame, or at its box that stands for any state in it. */
export interface Place {
  readonly kind: 'state' | 'dot' | 'any';
  /** Path of the state or the frame. */
  readonly path: string;
}

/** All arrows of a chart, in order of declaration: one for all transitions from a place to a state. */
export function arrowsOf({ root }: Chart): Arrow[] {
  const states = withDescendants(root);
  const byPath = new Map(states.map((state) => [state.path, state]));
  const arrows = new Map<string, Arrow & { readonly transitions: ChartTransition[] }>();
  for (const state of states) {
    for (const arrow of entriesOf(state)) arrows.set(`${keyOf(arrow)} entry`, { ...arrow, transitions: [] });
    for (const transition of state.transitions) {
      for (const to of arrowTargetsOf(transition)) {
        const from = beginningOf(byPath.get(transition.source)!, to);
        const key = keyOf({ from, source: transition.source, to });
        if (!arrows.has(key))
          arrows.set(key, { from, source: transition.source, to, transitions: [], actions: [] });
        arrows.get(key)!.transitions.push(transition);
      }
    }
  }
  return [...arrows.values()];
}

/** Into the initial state, and where a history state leads at first. */
function entriesOf({ path, initial, history }: ChartState): Arrow[] {
  return [
    ...(initial === null
      ? []
      : [
          {
            from: { kind: 'dot', path },
            source: path,
            to: initial.target,
            transitions: [],
            actions: initial.actions
          } as const
        ]),
    ...(history?.targets ?? []).map((to) => ({
      from: { kind: 'state', path } as const,
      source: path,
      to,
      transitions: [],
      actions: []
    }))
  ];
}

/** A transition into a state's own inside begins in there: in the region that is entered, where there are some. */
function beginningOf(source: ChartState, target: string): Place {
  if (!isWithin(target, source.path)) return { kind: 'state', path: source.path };
  const region =
    source.type === 'parallel' ? source.states.find(({ path }) => isWithin(target, path)) : undefined;
  return { kind: 'any', path: region === undefined || region.path === target ? source.path : region.path };
}

function keyOf({ from: { kind, path }, source, to }: Pick<Arrow, 'from' | 'source' | 'to'>): string {
  return JSON.stringify([kind, path, source, to]);
}
