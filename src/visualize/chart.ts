import type { AnyStateMachine, AnyStateNode } from 'xstate';
import { pathOf } from '../charts/statePaths.ts';
import { assertMachine } from '../validation/machine.ts';
import { nameOf, ownActionsOf, sourceOf, transitionsOf, type TransitionWords } from './transitions.ts';

/** A machine as plain data: what a drawing, a table or a check needs of it. */
export interface Chart {
  readonly id: string;
  readonly root: ChartState;
}

export interface ChartState {
  /** Keys from the root, joined by dots; empty: the root itself. */
  readonly path: string;
  /** The machine's id for the root. */
  readonly key: string;
  readonly type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  readonly description: string | null;
  readonly tags: readonly string[];
  /** Names of actions. */
  readonly entry: readonly string[];
  readonly exit: readonly string[];
  readonly invoke: readonly ChartInvocation[];
  /** Where a compound state begins. */
  readonly initial: { readonly target: string; readonly actions: readonly string[] } | null;
  /** Of a history state: how much it remembers, and where it leads when there is nothing to remember. */
  readonly history: { readonly depth: 'shallow' | 'deep'; readonly targets: readonly string[] } | null;
  /** In the order in which they are tried. */
  readonly transitions: readonly ChartTransition[];
  readonly states: readonly ChartState[];
}

export interface ChartInvocation {
  readonly id: string;
  /** Name of the actor's logic; its id where the logic is inline. */
  readonly src: string;
}

export interface ChartTransition extends TransitionWords {
  /** Paths of states. */
  readonly source: string;
  readonly targets: readonly string[];
}

/**
 * Reads a machine, whoever made it.
 *
 * Guards, actions, actors and delays are there by name; what is inline is called by the name of its function, or
 * `inline`.
 *
 * @throws {ValidationError} for what is no machine.
 */
export function describeMachine(machine: AnyStateMachine): Chart {
  assertMachine('machine', machine);
  const { root } = machine;
  return { id: root.key, root: describeState(root) };
}

/** A state and all that are within it, outer ones first. */
export function withDescendants(state: ChartState): readonly ChartState[] {
  return [state, ...state.states.flatMap(withDescendants)];
}

/** Whether a state is another one, or within it. */
export function isWithin(path: string, frame: string): boolean {
  return frame === '' || path === frame || path.startsWith(`${frame}.`);
}

function describeState(node: AnyStateNode): ChartState {
  const [initial] = node.initial.target ?? [];
  return {
    path: pathOf(node),
    key: node.key,
    type: node.type,
    description: node.description ?? null,
    tags: node.tags,
    ...ownActionsOf(node),
    invoke: node.invoke.map((invoked) => ({ id: invoked.id, src: sourceOf(invoked) })),
    initial:
      initial === undefined || node.type !== 'compound'
        ? null
        : { target: pathOf(initial), actions: node.initial.actions.map(nameOf) },
    history: historyOf(node),
    transitions: transitionsOf(node).map((transition) => ({
      ...transition,
      source: pathOf(transition.source),
      targets: transition.targets.map(pathOf)
    })),
    states: Object.values(node.states).map(describeState)
  };
}

function historyOf(node: AnyStateNode): ChartState['history'] {
  if (node.type !== 'history') return null;
  const { target } = node.config as { target?: string | readonly string[] };
  const depth = node.history === 'deep' ? 'deep' : 'shallow';
  const targets = target === undefined ? [] : [target].flat().map((each) => pathOf(siblingOf(node, each)));
  return { depth, targets };
}

/** The state that a target names, as seen from a state: a sibling's path, or an id. */
function siblingOf(node: AnyStateNode, target: string): AnyStateNode {
  if (target.startsWith('#')) return node.machine.getStateNodeById(target);
  // As XState reads it: a dot that belongs to a key has a backslash before it.
  const keys = target.split(/(?<!\\)\./).map((key) => key.replaceAll('\\.', '.'));
  return keys.reduce((frame, key) => frame.states[key]!, node.parent!);
}
