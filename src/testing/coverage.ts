import type { AnyMachineSnapshot, AnyStateMachine, InspectionEvent } from 'xstate';
import { pathOf } from '../charts/statePaths.ts';
import { assertMachine } from '../validation/machine.ts';
import { table } from '../validation/table.ts';
import { readOptions, refuse } from '../validation/validation.ts';
import { edgeIdsIn, edgesOf, statesOf, type Edge } from './edges.ts';
import { activeStates } from './step.ts';
import { CoverageError } from './testingErrors.ts';

/** How much of something was covered. */
export interface Share {
  readonly covered: number;
  readonly total: number;
  /** 0 to 100, 100 where there is nothing to cover. Rounded down. */
  readonly percent: number;
}

export interface CoverageData {
  readonly machine: string;
  readonly states: Share & { readonly missed: readonly string[] };
  readonly transitions: Share & { readonly missed: readonly MissedEdge[] };
}

export interface MissedEdge {
  readonly edge: Edge;
  /** What the search for a path found out; `null`: there was none. */
  readonly reason: string | null;
}

/** Percentages that have to be reached. */
export interface Threshold {
  readonly states: number;
  readonly transitions: number;
}

/**
 * What of a machine was covered since the program began: one object for all machines of a config, however provided.
 *
 * Runs of {@link edgeTests} add to it by themselves; an actor does with `createActor(machine, { inspect: coverageOf(machine).inspect })`.
 *
 * @throws {ValidationError} for what is no machine.
 */
export function coverageOf(machine: AnyStateMachine): Coverage {
  assertMachine('machine', machine);
  let coverage = coverages.get(machine.config);
  if (coverage === undefined) {
    coverage = new Coverage(machine);
    coverages.set(machine.config, coverage);
  }
  return coverage;
}

/**
 * @param threshold - Percentages. Defaults to 100 of both.
 * @throws {CoverageError} with the table, when less was covered. @throws {ValidationError}
 */
export function assertCovered(machine: AnyStateMachine, threshold: Partial<Threshold> = {}): void {
  const coverage = coverageOf(machine);
  const { states: ofStates = 100, transitions: ofTransitions = 100 } = readThreshold(threshold);
  const { states, transitions } = coverage.data();
  if (states.percent >= ofStates && transitions.percent >= ofTransitions) return;
  throw new CoverageError(machine.id, coverage.table());
}

export class Coverage {
  readonly #machine: AnyStateMachine;
  readonly #states = new Set<string>();
  readonly #edges = new Set<string>();
  #reasons: ReadonlyMap<string, string> = new Map();

  constructor(machine: AnyStateMachine) {
    this.#machine = machine;
  }

  /** For `createActor(…, { inspect })`: counts what actors of the machine do, wherever they are in the system. */
  readonly inspect = (observation: InspectionEvent): void => {
    if (observation.type !== '@xstate.microstep' && observation.type !== '@xstate.snapshot') return;
    const snapshot = observation.snapshot as Partial<AnyMachineSnapshot>;
    if (snapshot.machine?.config !== this.#machine.config) return;
    this.add({
      states: activeStates(snapshot as AnyMachineSnapshot),
      edges: observation.type === '@xstate.microstep' ? edgeIdsIn(observation) : []
    });
  };

  /** @param edges - Ids. The states that they leave were active too. */
  add({ states, edges }: { readonly states: readonly string[]; readonly edges: readonly string[] }): void {
    for (const state of states) this.#states.add(state);
    for (const edge of edges) this.#edges.add(edge);
  }

  /** Keeps why edges were not found, for the table. @param reasons - By the edges' ids. */
  explain(reasons: ReadonlyMap<string, string>): void {
    this.#reasons = reasons;
  }

  data(): CoverageData {
    const edges = edgesOf(this.#machine);
    const left = new Set(edges.filter(({ id }) => this.#edges.has(id)).map(({ source }) => source));
    const states = statesOf(this.#machine).map(pathOf);
    const missedStates = states.filter((state) => !this.#states.has(state) && !left.has(state));
    const missedEdges = edges.filter(({ id }) => !this.#edges.has(id));
    return {
      machine: this.#machine.id,
      states: { ...shareOf(states.length, missedStates.length), missed: missedStates },
      transitions: {
        ...shareOf(edges.length, missedEdges.length),
        missed: missedEdges.map((edge) => ({ edge, reason: this.#reasons.get(edge.id) ?? null }))
      }
    };
  }

  /** One line: `task 11/11 states 37/37 transitions`. */
  line(): string {
    const { machine, states, transitions } = this.data();
    return `${machine} ${states.covered}/${states.total} states ${transitions.covered}/${transitions.total} transitions`;
  }

  /** The shares, and a line for everything that was not covered, with the reason where one is known. */
  table(): string {
    const { machine, states, transitions } = this.data();
    const missed = [
      ...states.missed.map((state) => [`state ${state}`, '']),
      ...transitions.missed.map(({ edge, reason }) => [edge.title, reason ?? ''])
    ] as [string, string][];
    const shares = table([
      [machine, 'covered', 'of', '%'],
      ['states', ...figuresOf(states)],
      ['transitions', ...figuresOf(transitions)]
    ]);
    return (
      missed.length === 0 ? shares : `${shares}\n${table([['not covered', 'why'], ...missed])}`
    ).trimEnd();
  }
}

/** By config: what `.provide()` returns is the same chart. */
const coverages = new WeakMap<object, Coverage>();

function readThreshold(threshold: Partial<Threshold>): Partial<Threshold> {
  const given = readOptions('threshold', threshold, ['states', 'transitions']);
  for (const [part, percent = 0] of Object.entries(given)) {
    if (percent >= 0 && percent <= 100) continue;
    refuse(`threshold.${part}`, percent, 'a percentage, from 0 to 100');
  }
  return given;
}

function shareOf(total: number, missed: number): Share {
  const covered = total - missed;
  return { covered, total, percent: total === 0 ? 100 : Math.floor((covered / total) * 100) };
}

function figuresOf({ covered, total, percent }: Share): readonly string[] {
  return [covered, total, percent].map(String);
}
