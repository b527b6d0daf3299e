import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition, InspectedMicrostepEvent } from 'xstate';
import { pathOf } from '../charts/statePaths.ts';
import { assertMachine } from '../validation/machine.ts';
import { guardName } from '../visualize/transitions.ts';
import { withoutPreempted } from './preemption.ts';

/** A transition of a chart: one alternative of what a state does with an event. */
export interface Edge {
  /** The same for every machine of one config: `operation.running fleet.pause 0`. */
  readonly id: string;
  /** Path of the state that has it; `''`: the machine's root. */
  readonly source: string;
  /** The descriptor as XState has it: `task.claim`, `batch.*`, `xstate.after.1000.…`; `''`: an `always`. */
  readonly event: string;
  readonly kind: 'event' | 'after' | 'always' | 'done' | 'error' | 'snapshot';
  /** Which of the alternatives of its state and event it is, from 0. */
  readonly branch: number;
  /** Name of its guard, composed ones as `and(isIdle, not(isBusy))`, `inline` where it has none; `null`: no guard. */
  readonly guard: string | null;
  /** Paths of its targets; empty: it stays where it is. */
  readonly targets: readonly string[];
  /** For people: `running: attempt.failed [isCurrent] -> failed`. */
  readonly title: string;
}

/** Every transition of a machine, in the order of the chart, those of the root first. @throws {ValidationError} */
export function edgesOf(machine: AnyStateMachine): readonly Edge[] {
  assertMachine('machine', machine);
  return definitionsOf(machine).map(edgeOf);
}

/** The same as XState has them. */
export function definitionsOf(machine: AnyStateMachine): readonly AnyTransitionDefinition[] {
  return [machine.root, ...statesOf(machine)].flatMap((node) =>
    [...node.transitions.values(), node.always ?? []].flat()
  );
}

/** Every state node below the root, in the order of the chart, without history nodes: nothing is ever in those. */
export function statesOf(machine: AnyStateMachine): readonly AnyStateNode[] {
  return below(machine.root).filter(({ type }) => type !== 'history');
}

/** The id of the edge that a transition is. */
export function edgeIdOf(transition: AnyTransitionDefinition): string {
  const alternatives = alternativesOf(transition.source, descriptorOf(transition));
  return `${pathOf(transition.source)} ${descriptorOf(transition)} ${alternatives.indexOf(transition)}`;
}

/** Ids of the edges that were taken in a microstep, as XState tells of it. */
export function edgeIdsIn({ _transitions }: InspectedMicrostepEvent): readonly string[] {
  return withoutPreempted(_transitions).map(edgeIdOf);
}

/** What the transition is written under in `on`; `''`: it is an `always`. */
export function descriptorOf({ eventType }: AnyTransitionDefinition): string {
  return eventType as string;
}

/** The transitions of a state for a descriptor: the first that its guard lets pass is taken. */
export function alternativesOf(source: AnyStateNode, descriptor: string): readonly AnyTransitionDefinition[] {
  return (descriptor === '' ? source.always : source.transitions.get(descriptor)) ?? [];
}

/** Whether an event of the type is one that the descriptor means: itself, `*`, or `noun.*`, which means `noun` too. */
export function isMeant(descriptor: string, type: string): boolean {
  if (descriptor === type) return true;
  if (descriptor === '*') return true;
  return descriptor.endsWith('.*') && `${type}.`.startsWith(descriptor.slice(0, -1));
}

function below(node: AnyStateNode): readonly AnyStateNode[] {
  return Object.values(node.states).flatMap((child) => [child, ...below(child)]);
}

function edgeOf(transition: AnyTransitionDefinition): Edge {
  const source = pathOf(transition.source);
  const targets = (transition.target ?? []).map(pathOf);
  const guard = transition.guard === undefined ? null : guardName(transition.guard);
  const event = descriptorOf(transition);
  const condition = guard === null ? '' : ` [${guard}]`;
  const end = targets.length === 0 ? '' : ` -> ${targets.map(shown).join(', ')}`;
  return {
    id: edgeIdOf(transition),
    source,
    event,
    kind: kindOf(event),
    branch: alternativesOf(transition.source, event).indexOf(transition),
    guard,
    targets,
    title: `${shown(source)}: ${eventTitle(transition)}${condition}${end}`
  };
}

function shown(path: string): string {
  return path === '' ? '(root)' : path;
}

function kindOf(event: string): Edge['kind'] {
  if (event === '') return 'always';
  if (event.startsWith('xstate.after.')) return 'after';
  if (event.startsWith('xstate.done.')) return 'done';
  if (event.startsWith('xstate.error.')) return 'error';
  if (event.startsWith('xstate.snapshot.')) return 'snapshot';
  return 'event';
}

function eventTitle(transition: AnyTransitionDefinition): string {
  const event = descriptorOf(transition);
  if (event === '') return 'always';
  // A delay may have dots in its name, as the id after it has.
  const { delay } = transition as { readonly delay?: number | string };
  if (delay !== undefined) return `after ${delay}`;
  const [, outcome, id] = /^xstate\.(done|error|snapshot)\.(?:actor\.|state\.)?(.+)$/.exec(event) ?? [];
  return outcome === undefined ? event : `${outcome} of ${actorName(id!, transition.source)}`;
}

/** An invocation without an id has one of XState's making, which says nothing: its source does. */
function actorName(id: string, { id: node, invoke }: AnyStateNode): string {
  const src: unknown = invoke.find((each, index) => each.id === id && id === `${index}.${node}`)?.src;
  return typeof src === 'string' && !src.startsWith('xstate.invoke.') ? src : id;
}
