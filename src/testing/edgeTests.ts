import { deepStrictEqual } from 'node:assert/strict';
import type { AnyStateMachine, EventFromLogic, InputFrom, SnapshotFrom } from 'xstate';
import { assertMachine } from '../validation/machine.ts';
import { assertInteger, assertOneOf, readOptions } from '../validation/validation.ts';
import { comparable } from './comparable.ts';
import { coverageOf } from './coverage.ts';
import { edgesOf, type Edge } from './edges.ts';
import { assertStatesKnown } from './knownStates.ts';
import { Moves, type ActorOutcomes, type EventCases, type Move } from './moves.ts';
import { assertFunctions, readPathOptions } from './pathOptions.ts';
import { runAsActor, runStepped, type Observation, type Run } from './runs.ts';
import { explore, type Place, type Sight, type StateGraph } from './stateGraph.ts';
import { activeStates, type Event, type Start } from './step.ts';
import { DisagreementError, UndrivenEventError, UnreachedEdgesError } from './testingErrors.ts';

/** What may happen to a machine, and how far it is looked at. */
export interface PathOptions<TMachine extends AnyStateMachine> {
  /** Payloads by event type: `{ 'task.claim': [{ workerId: 'w1' }], reset: [{}] }`. The first are tried first. */
  readonly events: EventCases<TMachine>;
  readonly input?: InputFrom<TMachine>;
  /** Inputs to start from as well. */
  readonly inputs?: readonly InputFrom<TMachine>[];
  /** States to start from as well, as a stored snapshot is taken up: no child is running in them, and no timer is set. */
  readonly from?: readonly {
    readonly value: SnapshotFrom<TMachine>['value'];
    readonly context: SnapshotFrom<TMachine>['context'];
  }[];
  /**
   * How invoked and spawned actors end, by their ids, or by their `src` where no id is here. Defaults to `undefined` as the
   * output, and to an `Error`.
   */
  readonly actors?: ActorOutcomes;
  /**
   * What tells two snapshots of the same states apart. Leave out what counts up without end. Defaults to all of the
   * context.
   */
  readonly serializeState?: (snapshot: SnapshotFrom<TMachine>) => unknown;
  /** Situations to look at. Integer in [1, 10,000,000]. Defaults to 10,000. */
  readonly limit?: number;
}

export interface EdgeTestOptions<TMachine extends AnyStateMachine> extends PathOptions<TMachine> {
  /** Whether it is all right that no path takes some edges; `coverageOf` names them. Defaults to `false`. */
  readonly allowUnreached?: boolean;
}

/** One path through a machine, to one of its edges. */
export interface EdgeTest<TMachine extends AnyStateMachine = AnyStateMachine> {
  /** `running: attempt.failed [isCurrent] -> failed`, with ` is refused` where the guard has to say no. */
  readonly title: string;
  readonly edge: Edge;
  /** Whether the last event takes the edge, or asks its guard and is refused. */
  readonly outcome: 'taken' | 'refused';
  /** Where the path begins. */
  readonly start: Start;
  /** From there to the edge. Empty: the machine takes it when it starts. */
  readonly events: readonly EventFromLogic<TMachine>[];
  /**
   * Takes a machine along the path, step by step and as an actor, and compares state, context, output and the edges
   * that were taken with the model after each event. What it took counts as covered.
   *
   * @throws {DisagreementError} where it does something else; whatever `states` throw.
   * @throws {ValidationError} also when `states` names one that is not there.
   */
  run(options?: RunOptions<TMachine>): void;
  /**
   * Does the same with the real thing: each event is done to it, and then it is looked at.
   *
   * @throws {UndrivenEventError} when nobody said how an event is done; whatever the callbacks throw.
   * @throws {ValidationError} also when `states` names one that is not there.
   */
  drive(system: DrivenSystem<TMachine>): Promise<void>;
}

export interface RunOptions<TMachine extends AnyStateMachine> {
  /** Another machine that has to behave as the model does, such as one that provides other guards. Defaults to the model. */
  readonly machine?: AnyStateMachine;
  /** Defaults to both. */
  readonly as?: 'stepped' | 'actor' | 'both';
  /** What holds in a state, by its path: looked at whenever the state is active. `*`: in every state. */
  readonly states?: Readonly<Record<string, (snapshot: SnapshotFrom<TMachine>) => void>>;
}

/** A system that is tested by a model of it. */
export interface DrivenSystem<TMachine extends AnyStateMachine> {
  /** How each event is done, by its type; `*`: any other one. `snapshot` is the model's before it. */
  readonly events: Readonly<
    Record<
      string,
      (event: EventFromLogic<TMachine>, snapshot: SnapshotFrom<TMachine>) => void | Promise<void>
    >
  >;
  /** What has to hold while the model is in a state, by its path; `*`: in every state. */
  readonly states?: Readonly<Record<string, (snapshot: SnapshotFrom<TMachine>) => void | Promise<void>>>;
}

/**
 * A test for every edge of a machine: the shortest path to where it can be taken, and then its event; and one for
 * every guard that says no. Delays pass and invoked actors end as part of a path: no timer runs, and no actor.
 *
 * They depend on no test runner: `it.each(edgeTests(machine, { events }))('$title', (test) => test.run())`.
 *
 * Time passes only from one delay to the next: of two timers, that which is due first rings first, as if all other
 * events had come at once.
 *
 * @throws {UnreachedEdgesError} naming each edge that no path takes, and why, unless `allowUnreached`. Always when the
 * search had to end at `limit`.
 * @throws {StepError} when a guard, an assignment or the input throws.
 * @throws {ValidationError} also when `actors` names one that there is not.
 */
export function edgeTests<TMachine extends AnyStateMachine>(
  machine: TMachine,
  options: EdgeTestOptions<TMachine>
): readonly EdgeTest<TMachine>[] {
  const given = readPathOptions(machine, options);
  const graph = graphOf(machine, given, false);
  coverageOf(machine).explain(graph.reasons);
  const edges = edgesOf(machine);
  const unreached = edges.filter(({ id }) => graph.reasons.has(id));
  if (unreached.length > 0 && !(given.allowUnreached && graph.isComplete)) {
    const lines = unreached.map(({ id, title }) => `${title}: ${graph.reasons.get(id)}`);
    throw new UnreachedEdgesError(machine.id, lines, graph.isComplete ? null : limitOf(given));
  }
  return edges.flatMap((edge) => {
    const taken = graph.taken.get(edge.id);
    const refused = graph.refused.get(edge.id);
    return [
      ...(taken ? [new Path(machine, edge, 'taken', taken)] : []),
      ...(refused ? [new Path(machine, edge, 'refused', refused)] : [])
    ];
  }) as unknown as readonly EdgeTest<TMachine>[];
}

/**
 * @param options - As `readPathOptions` returns them.
 * @param isExhaustive - Whether to look at all situations, or only until all edges are found.
 */
export function graphOf<TMachine extends AnyStateMachine>(
  machine: TMachine,
  options: PathOptions<TMachine>,
  isExhaustive: boolean
): StateGraph {
  const { input, inputs = [], from = [], events, actors = {}, serializeState } = options;
  const starts: Start[] = [
    ...('input' in options ? [{ input }] : []),
    ...inputs.map((input) => ({ input })),
    ...from
  ];
  const moves = new Moves(machine, events, actors);
  const graph = explore(machine, {
    starts: starts.length === 0 ? [{}] : starts,
    moves,
    serializeState: ({ snapshot }) =>
      serializeState ? serializeState(snapshot as SnapshotFrom<TMachine>) : (snapshot.context as unknown),
    limit: limitOf(options),
    isExhaustive
  });
  if (graph.isComplete) moves.assertActorsKnown();
  return graph;
}

/** @throws {ValidationError} when it is out of bounds. */
export function limitOf({ limit = 10_000 }: { readonly limit?: number }): number {
  assertInteger('limit', limit, 1, 10_000_000);
  return limit;
}

class Path {
  readonly title: string;
  readonly edge: Edge;
  readonly outcome: 'taken' | 'refused';
  readonly start: Start;
  readonly events: readonly Event[];
  readonly #machine: AnyStateMachine;
  readonly #moves: readonly Move[];
  /** What the model did: at its start, and at each move. */
  readonly #expected: readonly Observation[];

  constructor(machine: AnyStateMachine, edge: Edge, outcome: 'taken' | 'refused', { place, move }: Sight) {
    const places = placesTo(place);
    const last = move === null ? undefined : place.ways.find((way) => way.move === move);
    this.title = outcome === 'taken' ? edge.title : `${edge.title} is refused`;
    this.edge = edge;
    this.outcome = outcome;
    this.#machine = machine;
    this.start = place.start;
    this.#moves = [...places.flatMap(({ from }) => from?.move ?? []), ...(move === null ? [] : [move])];
    this.#expected = [...places.map(({ step }) => step), ...(last ? [last.step] : [])].map(
      ({ situation: { snapshot }, taken, entered }) => ({ snapshot, taken, entered })
    );
    this.events = this.#moves.map(({ event }) => event);
  }

  run(options: RunOptions<AnyStateMachine> = {}): void {
    const given = readOptions('options', options, ['machine', 'as', 'states']);
    const { machine = this.#machine, as = 'both', states = {} } = given;
    assertMachine('options.machine', machine);
    assertOneOf('options.as', as, ['stepped', 'actor', 'both']);
    assertFunctions('states', states);
    assertStatesKnown(this.#machine, 'states', Object.keys(states));
    if (as !== 'actor') this.#check('stepped', machine, runStepped, states);
    if (as !== 'stepped') this.#check('as an actor', machine, runAsActor, states);
  }

  async drive(system: DrivenSystem<AnyStateMachine>): Promise<void> {
    const { events, states = {} } = readOptions('system', system, ['events', 'states']);
    assertFunctions('events', events);
    assertFunctions('states', states);
    assertStatesKnown(this.#machine, 'states', Object.keys(states));
    await this.#look(states, 0);
    for (const [index, { event }] of this.#moves.entries()) {
      const act = events[event.type] ?? events['*'];
      if (act === undefined) throw new UndrivenEventError(event.type);
      await act(event, this.#expected[index]!.snapshot);
      await this.#look(states, index + 1);
    }
    this.#cover(this.#machine, this.#expected);
  }

  async #look(states: NonNullable<DrivenSystem<AnyStateMachine>['states']>, index: number): Promise<void> {
    const { snapshot } = this.#expected[index]!;
    for (const path of [...activeStates(snapshot), '*']) await states[path]?.(snapshot);
  }

  #check(
    how: string,
    machine: AnyStateMachine,
    begin: (machine: AnyStateMachine, start: Start) => Run,
    states: NonNullable<RunOptions<AnyStateMachine>['states']>
  ): void {
    const run = begin(machine, this.start);
    const seen: Observation[] = [];
    for (const [index, expected] of this.#expected.entries()) {
      const observation = index === 0 ? run.first : run.next(this.#moves[index - 1]!);
      this.#compare(how, index, expected, observation);
      seen.push(observation);
      for (const path of [...activeStates(observation.snapshot), '*']) states[path]?.(observation.snapshot);
    }
    this.#cover(machine, seen);
  }

  #compare(how: string, index: number, expected: Observation, actual: Observation): void {
    try {
      deepStrictEqual(shown(actual), shown(expected));
    } catch (error) {
      const path = this.events.slice(0, index).map(({ type }) => type);
      throw new DisagreementError(
        this.#machine.id,
        path,
        `does something else ${how}`,
        (error as Error).message
      );
    }
  }

  #cover(machine: AnyStateMachine, seen: readonly Observation[]): void {
    coverageOf(machine).add({
      states: seen.flatMap(({ entered }) => entered),
      edges: seen.flatMap(({ taken }) => taken)
    });
  }
}

/** All places of the shortest way to a place, itself the last. */
export function placesTo(place: Place): readonly Place[] {
  return place.from === null ? [place] : [...placesTo(place.from.place), place];
}

function shown({ snapshot, taken }: Observation): unknown {
  const { value, context, status, output } = snapshot as unknown as Readonly<Record<string, unknown>>;
  return comparable({ value, context, status, output, taken });
}
