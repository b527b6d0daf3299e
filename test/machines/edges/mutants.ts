import { createMachine, type AnyStateMachine } from 'xstate';
import { edgesOf, type Edge } from 'xstate-fleet/testing';

/** A machine with one transition of its chart changed. */
export interface Mutant {
  readonly edge: Edge;
  /** Such as `without queued: task.claim -> dispatched`. */
  readonly title: string;
  make(): AnyStateMachine;
}

/** Every machine that has one transition less, one guard less, or one transition that leads to a sibling instead. */
export function mutantsOf(machine: AnyStateMachine): readonly Mutant[] {
  return edgesOf(machine).flatMap((edge) => [
    mutant(machine, edge, 'without', (alternatives) => alternatives.splice(edge.branch, 1)),
    ...(edge.guard === null
      ? []
      : [mutant(machine, edge, 'unguarded', (alternatives) => delete alternatives[edge.branch]!['guard'])]),
    ...(edge.targets.length === 0
      ? []
      : [
          mutant(machine, edge, 'redirected', (alternatives, siblings) => {
            const transition = alternatives[edge.branch]!;
            const target = transition['target'] as string;
            const other = siblings.find((key) => key !== target)!;
            transition['target'] = other;
          })
        ])
  ]);
}

/** The same machine, made from a copy of its config as mutants are. */
export function copyOfMachine(machine: AnyStateMachine): AnyStateMachine {
  return createMachine(copyOf(machine.config) as never, machine.implementations as never);
}

type Fields = Record<string, unknown>;
type Change = (alternatives: Fields[], siblings: readonly string[]) => unknown;

function mutant(machine: AnyStateMachine, edge: Edge, how: string, change: Change): Mutant {
  return {
    edge,
    title: `${how} ${edge.title}`,
    make() {
      const config = copyOf(machine.config) as Fields;
      const path = edge.source === '' ? [] : edge.source.split('.');
      const source = stateAt(config, path);
      const parent = stateAt(config, path.slice(0, -1));
      const { holder, key } = placeOf(source, edge);
      const alternatives = [holder[key]]
        .flat()
        .map((one) => (typeof one === 'string' ? { target: one } : one));
      const isWithin = path.length === 0 || String(alternatives.find(hasTarget)?.['target']).startsWith('.');
      const siblings = isWithin
        ? Object.keys(source['states'] as Fields).map((child) => `.${child}`)
        : Object.keys(parent['states'] as Fields);
      change(alternatives as Fields[], siblings);
      holder[key] = alternatives;
      return createMachine(config as never, machine.implementations as never);
    }
  };
}

function hasTarget(alternative: unknown): alternative is Fields {
  return typeof alternative === 'object' && alternative !== null && 'target' in alternative;
}

/** Where the transitions of an edge stand in the config of its state. */
function placeOf(source: Fields, { event, kind }: Edge): { holder: Fields; key: string } {
  if (kind === 'event') return { holder: source['on'] as Fields, key: event };
  if (kind === 'always') return { holder: source, key: 'always' };
  const [, outcome, id] = /^xstate\.(done|error)\.actor\.(.+)$/.exec(event)!;
  const holder = [source['invoke'] as Fields].flat().find((invoke) => invoke['id'] === id)!;
  return { holder, key: outcome === 'done' ? 'onDone' : 'onError' };
}

function stateAt(config: Fields, path: readonly string[]): Fields {
  return path.reduce((state, key) => (state['states'] as Record<string, Fields>)[key]!, config);
}

/** A copy of arrays and plain objects; functions stay themselves. */
function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, copyOf(part)]));
}
