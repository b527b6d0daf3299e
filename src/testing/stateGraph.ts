import type { AnyStateMachine, AnyStateNode } from 'xstate';
import { comparable, nameOf, textOf } from './comparable.ts';
import { edgesOf, pathOf } from './edges.ts';
import { take, type Move, type Moves } from './moves.ts';
import { Obstacles } from './obstacles.ts';
import { begin, childrenOf, type Situation, type Start, type Step } from './step.ts';
import { StepError } from './testingErrors.ts';

/** A situation that was reached, and how. */
export interface Place {
  readonly situation: Situation;
  /** `null`: a run starts here. */
  readonly from: { readonly place: Place; readonly move: Move } | null;
  readonly start: Start;
  /** What the machine did when it came here first. */
  readonly step: Step;
  /** Every move from here that was tried. Filled while the search goes on. */
  readonly ways: Way[];
}

export interface Way {
  readonly move: Move;
  readonly step: Step;
  readonly to: Place;
}

/** The end of a path: the place, and the last move, `null` where it happened at the start. */
export interface Sight {
  readonly place: Place;
  readonly move: Move | null;
}

/** What was found out about a machine by going everywhere, the shortest way first. */
export interface StateGraph {
  readonly places: readonly Place[];
  /** Where each edge is taken first, by its id. */
  readonly taken: ReadonlyMap<string, Sight>;
  /** Where an edge with a guard is asked first and refuses, by its id. */
  readonly refused: ReadonlyMap<string, Sight>;
  /** Why each of the other edges was not taken, by its id. */
  readonly reasons: ReadonlyMap<string, string>;
  /** Paths of the states that were active, were it for a moment. */
  readonly entered: ReadonlySet<string>;
  /** Whether every situation was looked at: nothing was cut off by the limit, nor because all was found. */
  readonly isComplete: boolean;
}

export interface SearchOptions {
  readonly starts: readonly Start[];
  readonly moves: Moves;
  readonly serializeState: (situation: Situation) => unknown;
  /** Situations to look at. */
  readonly limit: number;
  /** Whether to go on when all edges, and the refusals of all guards, are found. */
  readonly isExhaustive: boolean;
}

/**
 * Goes through the situations of a machine breadth first.
 *
 * Two situations are one when their states, running children, timers and `serializeState` are the same.
 *
 * @throws {StepError} when a guard, an assignment or an input throws, with the path to it.
 */
export function explore(machine: AnyStateMachine, options: SearchOptions): StateGraph {
  const edges = edgesOf(machine);
  const places = new Map<string, Place>();
  const taken = new Map<string, Sight>();
  const refused = new Map<string, Sight>();
  const entered = new Set<string>();
  const obstacles = new Obstacles(machine);
  const byId = new Map(edges.map((edge) => [edge.id, edge]));
  const guarded = edges.filter(({ guard }) => guard !== null).length;

  for (const start of options.starts) {
    const first = attempt(machine, [], () => begin(machine, start));
    const place = placeOf(first, null, start);
    note(first, { place, move: null });
    obstacles.atRest(place, refused);
  }

  let isCut = places.size > options.limit;
  search: for (const place of places.values()) {
    for (const move of options.moves.in(place.situation)) {
      if (!options.isExhaustive && taken.size === edges.length && refused.size === guarded) {
        isCut = true;
        break search;
      }
      const step = attempt(machine, [...movesTo(place), move], () => take(place.situation, move));
      obstacles.at(place, move, step, refused);
      note(step, { place, move });
      const known = places.size;
      const to = placeOf(step, { place, move }, place.start);
      place.ways.push({ move, step, to });
      if (places.size > known) obstacles.atRest(to, refused);
    }
    if (places.size > options.limit) {
      isCut = true;
      break;
    }
  }

  const missing = edges.filter(({ id }) => !taken.has(id));
  const reasons = new Map(missing.map((edge) => [edge.id, obstacles.reason(edge, entered)]));
  return { places: [...places.values()], taken, refused, reasons, entered, isComplete: !isCut };

  function note({ taken: ids, entered: paths }: Step, sight: Sight): void {
    for (const id of ids) {
      if (!taken.has(id)) taken.set(id, sight);
      const { source } = byId.get(id)!;
      if (source !== '') entered.add(source);
    }
    for (const path of paths) entered.add(path);
    obstacles.passedOver(ids, sight, refused);
  }

  function placeOf(step: Step, from: Place['from'], start: Start): Place {
    const { situation } = step;
    const key = keyOf(situation, options.serializeState);
    let place = places.get(key);
    if (place === undefined) {
      place = { situation, from, start, step, ways: [] };
      places.set(key, place);
    }
    return place;
  }
}

/** How to get to a place from its start. */
export function movesTo({ from }: Place): readonly Move[] {
  return from === null ? [] : [...movesTo(from.place), from.move];
}

function attempt(machine: AnyStateMachine, moves: readonly Move[], act: () => Step): Step {
  try {
    return act();
  } catch (error) {
    throw new StepError(
      machine.id,
      moves.map(({ event }) => event.type),
      error
    );
  }
}

function keyOf(situation: Situation, serializeState: SearchOptions['serializeState']): string {
  const { snapshot, timers, at, ended } = situation;
  const history = Object.entries(snapshot.historyValue as Record<string, readonly AnyStateNode[]>);
  return textOf([
    snapshot.value,
    snapshot.status,
    history.map(([id, nodes]) => [id, nodes.map(pathOf)]),
    Object.values(childrenOf(snapshot))
      .filter((child) => child !== undefined && !ended.has(child))
      .map((child) => nameOf(child!))
      .sort(),
    timers.map((timer) => [timer.at - at, comparable(timer.event)]),
    serializeState(situation)
  ]);
}
