import type { AnyStateMachine } from 'xstate';
import { pathOf } from '../charts/statePaths.ts';
import { showKey } from '../validation/show.ts';
import { readFields } from '../validation/validation.ts';
import { coverageOf } from './coverage.ts';
import { edgesOf, statesOf } from './edges.ts';
import { graphOf, limitOf, type PathOptions } from './edgeTests.ts';
import { assertStatesKnown } from './knownStates.ts';
import { readList, readPathOptions } from './pathOptions.ts';
import { movesTo, type Place, type StateGraph } from './stateGraph.ts';
import { activeStates, type Event } from './step.ts';
import { SearchLimitError } from './testingErrors.ts';

export interface InvariantOptions<TMachine extends AnyStateMachine> extends PathOptions<TMachine> {
  /**
   * Paths of states in which a run may stay for good, as an idle worker does; `*`: it may stay anywhere. Defaults to
   * none.
   */
  readonly restingStates?: readonly string[];
  /**
   * Events that must not be lost, with the paths of the states that must do something with at least one of their
   * payload cases; `*`: all but final ones. A transition without target and actions says that it is ignored on purpose.
   */
  readonly requiredEvents?: Readonly<Record<string, readonly string[]>>;
}

/** Something that does not hold. */
export interface Finding {
  /**
   * `stuck`: no way leads to the end, nor to a resting state. `unhandledError`: a child's error ends it, because no
   * `onError` takes it. `unreachableState`, `deadTransition`: nothing gets there.
   * `lostEvent`: a required event does nothing.
   */
  readonly kind: 'stuck' | 'unhandledError' | 'unreachableState' | 'deadTransition' | 'lostEvent';
  /** The state, or the title of the edge. */
  readonly subject: string;
  /** For people. */
  readonly message: string;
  /** The shortest way to a situation in which it does not hold; `null`: there is none, that is what is found. */
  readonly path: readonly Event[] | null;
}

/**
 * Looks at every situation that a machine can get into.
 *
 * @returns What does not hold, each with the shortest counterexample; empty: all is well, for these events and inputs.
 * @throws {SearchLimitError} when there are more situations than `limit`: what holds in some is no proof.
 * @throws {ValidationError} also when `restingStates` or `requiredEvents` name a state that is not there.
 * @throws {StepError} when a guard, an assignment or the input throws.
 */
export function checkInvariants<TMachine extends AnyStateMachine>(
  machine: TMachine,
  options: InvariantOptions<TMachine>
): readonly Finding[] {
  const given = readPathOptions(machine, options);
  const { restingStates = [], requiredEvents = {} } = given;
  readList('restingStates', restingStates);
  for (const [type, states] of Object.entries(readFields('requiredEvents', requiredEvents))) {
    readList(`requiredEvents${showKey(type)}`, states);
  }
  assertStatesKnown(machine, 'restingStates', restingStates);
  assertStatesKnown(machine, 'requiredEvents', Object.values(requiredEvents).flat());
  const graph = graphOf(machine, given, true);
  if (!graph.isComplete) throw new SearchLimitError(machine.id, limitOf(given));
  coverageOf(machine).explain(graph.reasons);
  return [
    ...failing(graph),
    ...stuck(graph, new Set(restingStates)),
    ...unreachable(machine, graph),
    ...dead(machine, graph),
    ...lost(graph, requiredEvents)
  ];
}

function failing({ places }: StateGraph): readonly Finding[] {
  const failed = places.filter(({ situation: { snapshot } }) => snapshot.status === 'error');
  return firstOfEach(failed).map((place) => ({
    kind: 'unhandledError',
    subject: nameOf(place),
    message: `It fails, because no onError takes an error, in ${nameOf(place)}: ${pathText(place)}`,
    path: eventsTo(place)
  }));
}

function stuck({ places }: StateGraph, restingStates: ReadonlySet<string>): readonly Finding[] {
  const isGoal = ({ situation: { snapshot } }: Place) =>
    snapshot.status === 'done' || [...activeStates(snapshot), '*'].some((state) => restingStates.has(state));
  const safe = reaching(places, places.filter(isGoal));
  return firstOfEach(
    places.filter((place) => !safe.has(place) && place.situation.snapshot.status === 'active')
  ).map((place) => {
    const subject = nameOf(place);
    return {
      kind: 'stuck',
      subject,
      message: `No way leads out of ${subject} to a final or resting state: ${pathText(place)}`,
      path: eventsTo(place)
    };
  });
}

function unreachable(machine: AnyStateMachine, { entered }: StateGraph): readonly Finding[] {
  return statesOf(machine)
    .map(pathOf)
    .filter((state) => !entered.has(state))
    .map((state) => ({
      kind: 'unreachableState',
      subject: state,
      message: `Nothing leads to ${state}`,
      path: null
    }));
}

function dead(machine: AnyStateMachine, { reasons }: StateGraph): readonly Finding[] {
  return edgesOf(machine)
    .filter(({ id }) => reasons.has(id))
    .map(({ id, title }) => ({
      kind: 'deadTransition',
      subject: title,
      message: `${title} is never taken: ${reasons.get(id)}`,
      path: null
    }));
}

function lost(
  { places }: StateGraph,
  required: Readonly<Record<string, readonly string[]>>
): readonly Finding[] {
  return Object.entries(required).flatMap(([type, states]) => {
    const losing = places.filter((place) => {
      const { snapshot } = place.situation;
      if (snapshot.status !== 'active') return false;
      if (!states.includes('*') && !activeStates(snapshot).some((state) => states.includes(state)))
        return false;
      return !place.ways.some(({ move, step }) => move.event.type === type && step.taken.length > 0);
    });
    return firstOfEach(losing).map((place) => ({
      kind: 'lostEvent' as const,
      subject: nameOf(place),
      message: `${type} does nothing in ${nameOf(place)}: ${pathText(place)}`,
      path: eventsTo(place)
    }));
  });
}

/** The places from which some way leads to one of the goals, these included. */
function reaching(places: readonly Place[], goals: readonly Place[]): ReadonlySet<Place> {
  const sources = new Map<Place, Place[]>();
  for (const place of places) {
    for (const { to } of place.ways) {
      const known = sources.get(to);
      if (known === undefined) sources.set(to, [place]);
      else known.push(place);
    }
  }
  const safe = new Set(goals);
  // A set is gone through in the order of insertion, what is added meanwhile included.
  for (const place of safe) {
    for (const source of sources.get(place) ?? []) safe.add(source);
  }
  return safe;
}

/** Places come in the order of their distance: the first in each state is the shortest counterexample. */
function firstOfEach(places: readonly Place[]): readonly Place[] {
  const first = new Map<string, Place>();
  for (const place of places) if (!first.has(nameOf(place))) first.set(nameOf(place), place);
  return [...first.values()];
}

function nameOf({ situation: { snapshot } }: Place): string {
  const leaves = snapshot._nodes.filter(({ type }) => type === 'atomic' || type === 'final');
  // A machine without states is its root.
  return leaves.map((leaf) => pathOf(leaf) || '(root)').join(' + ');
}

function eventsTo(place: Place): readonly Event[] {
  return movesTo(place).map(({ event }) => event);
}

function pathText(place: Place): string {
  const types = eventsTo(place).map(({ type }) => type);
  return types.length === 0 ? 'at the start' : `after ${types.join(', ')}`;
}
