import type { AnyStateMachine, AnyStateNode, TransitionDefinition } from 'xstate';

// oxlint-disable-next-line typescript/no-explicit-any -- the machine's own types do not matter here
type Transition = TransitionDefinition<any, any>;

/** Longest line of an arrow's label, in characters: Mermaid breaks longer ones where it likes. */
const labelWidth = 26;
/** Longest line within a state, in characters. */
const boxWidth = 40;
/** A description that is longer than this, in characters, stays in the code. */
const descriptionLimit = 90;

/**
 * Draws a machine as a Mermaid state diagram.
 *
 * A transition is labelled `event [guard] / actions`; one that is tried only when those before it did not apply
 * has `[else]` or `[else guard]`. A transition that leaves no state stands in its state's box. What every state of
 * a frame has in common (a machine or a compound state) stands in, or leaves from, a box named `any state`.
 * Parameters, tags and long descriptions are left out.
 *
 * @returns The text of the diagram, ending in a newline.
 */
export function toMermaid({ root }: AnyStateMachine): string {
  const drawing = root.type === 'parallel' ? drawState(root) : drawStates(root);
  return ['stateDiagram-v2', ...indent(drawing), ''].join('\n');
}

/** A box, or a frame around the states within. */
function drawState(node: AnyStateNode): string[] {
  if (!isFrame(node)) return drawBox(idOf(node), titleOf(node), [...descriptionOf(node), ...linesOf(node)]);
  return [`state "${escape(titleOf(node))}" as ${idOf(node)} {`, ...indent(drawStates(node)), '}'];
}

/** What is within a frame: the states, and the arrows that stay inside. */
function drawStates(frame: AnyStateNode): string[] {
  const children = Object.values(frame.states);
  const states = children.map(drawState);
  return [
    ...(frame.type === 'parallel' ? [] : drawInitial(frame)),
    ...(hasOwn(frame) ? drawBox(anyIdOf(frame), 'any state', linesOf(frame)) : []),
    ...(frame.type === 'parallel' ? states.flatMap((region, n) => (n === 0 ? region : ['--', ...region])) : states.flat()),
    ...arrowsWithin(frame).map(({ from, to, label }) => `${from} --> ${to} : ${label}`),
    ...children.filter(({ type }) => type === 'final').map((node) => `${idOf(node)} --> [*]`)
  ];
}

function drawInitial({ initial }: AnyStateNode): string[] {
  const label = initial.actions.length === 0 ? '' : ` : ${labelOf([`/ ${namesOf(initial.actions)}`])}`;
  return initial.target.map((node) => `[*] --> ${idOf(node)}${label}`);
}

function drawBox(id: string, title: string, lines: readonly string[]): string[] {
  return [`state "${escape(title)}" as ${id}`, ...lines.map((line) => `${id} : ${line}`)];
}

interface Arrow {
  readonly from: string;
  readonly to: string;
  readonly label: string;
}

/** The arrows that belong to a frame: it is the innermost one that holds both ends. */
function arrowsWithin(frame: AnyStateNode): Arrow[] {
  const bundles = new Map<string, { from: string; to: string; steps: Step[] }>();
  for (const node of [frame, ...descendantsOf(frame)]) {
    for (const step of stepsOf(node)) {
      if (isInternal(step.transition)) continue;
      for (const target of step.transition.target ?? []) {
        if (frameOf(node, target) !== frame) continue;
        const from = node === frame ? anyIdOf(node) : idOf(node);
        const to = idOf(target);
        const bundle = bundles.get(`${from} ${to}`) ?? { from, to, steps: [] };
        bundle.steps.push(step);
        bundles.set(`${from} ${to}`, bundle);
      }
    }
  }
  return Array.from(bundles.values(), ({ from, to, steps }) => ({ from, to, label: labelOf(merged(steps)) }));
}

/** What stands in the box of a state: what it does at its ends, whom it invokes, what it takes without leaving. */
function linesOf(node: AnyStateNode): string[] {
  const internal = stepsOf(node).filter(({ transition }) => isInternal(transition));
  return [
    ...(node.config.entry === undefined ? [] : [`entry / ${namesOf(list(node.config.entry))}`]),
    ...(node.config.exit === undefined ? [] : [`exit / ${namesOf(list(node.config.exit))}`]),
    ...node.invoke.map((invoke) => `invoke ${sourceOf(invoke)}`),
    ...merged(internal)
  ].flatMap((line) => wrapped(line, boxWidth).map((part, n) => (n === 0 ? '' : '#160;#160;#160;') + escape(part)));
}

function descriptionOf({ description = '' }: AnyStateNode): string[] {
  if (description === '' || description.length > descriptionLimit) return [];
  return wrapped(description, boxWidth).map(escape);
}

/** A transition with its name. */
interface Step {
  readonly transition: Transition;
  readonly trigger: string;
  /** ` [guard] / actions`, as far as there are any. */
  readonly rest: string;
}

function stepsOf(node: AnyStateNode): Step[] {
  return [node.always ?? [], ...node.transitions.values()].flatMap((candidates: readonly Transition[]) =>
    candidates.map((transition, n) => ({
      transition,
      trigger: triggerOf(node, transition),
      rest: guardOf(transition, n > 0) + actionsOf(transition)
    }))
  );
}

/** `first, second [guard] / actions`: what differs only in its event is said once. */
function merged(steps: readonly Step[]): string[] {
  const triggers = new Map<string, string[]>();
  for (const { trigger, rest } of steps) triggers.set(rest, [...(triggers.get(rest) ?? []), trigger]);
  return Array.from(triggers, ([rest, names]) => names.join(', ') + rest);
}

function triggerOf(node: AnyStateNode, transition: Transition): string {
  const { eventType } = transition;
  if (eventType === '') return 'always';
  if (eventType === `xstate.done.state.${node.id}`) return 'done';
  if ('delay' in transition) return `after ${nameOf(transition.delay)}`;
  for (const invoke of node.invoke) {
    if (eventType === `xstate.done.actor.${invoke.id}`) return `${sourceOf(invoke)} done`;
    if (eventType === `xstate.error.actor.${invoke.id}`) return `${sourceOf(invoke)} failed`;
    if (eventType === `xstate.snapshot.${invoke.id}`) return `${sourceOf(invoke)} changed`;
  }
  return eventType;
}
