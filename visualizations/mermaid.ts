import type { AnyStateMachine, AnyStateNode, TransitionDefinition } from 'xstate';

// oxlint-disable-next-line typescript/no-explicit-any -- the machine's own types do not matter here
type Transition = TransitionDefinition<any, any>;

/** Longest line of a transition's label, in characters: Mermaid breaks longer ones where it likes. */
const labelWidth = 26;
/** Longest line within a state, in characters. */
const boxWidth = 40;
/** A description that is longer than this, in characters, stays in the code. */
const descriptionLimit = 90;

/**
 * Draws a machine as a Mermaid state diagram.
 *
 * A transition is labelled `event [guard] / actions`. One that is tried only after others of its event did not
 * apply has `[else]` or `[else guard]`. What leaves no state is written into its state; what holds in every state
 * of a machine or of a compound state is written into, or leaves from, a box named `any state`. Parameters
 * of guards and actions, tags and long descriptions are left out.
 *
 * @returns The text of the diagram, ending in a newline.
 */
export function toMermaid(machine: AnyStateMachine): string {
  const { root } = machine;
  const body = root.type === 'parallel' ? drawState(root) : drawStates(root);
  return ['stateDiagram-v2', ...indent(body), ''].join('\n');
}

/** A state of the diagram: a box, or a frame around the states within. */
function drawState(node: AnyStateNode): string[] {
  if (!isFrame(node)) return drawBox(idOf(node), titleOf(node), linesOf(node));
  return [`state "${escape(titleOf(node))}" as ${idOf(node)} {`, ...indent(drawStates(node)), '}'];
}

/** What is within a frame: its states, and the transitions that leave none of them for the outside. */
function drawStates(frame: AnyStateNode): string[] {
  const children = Object.values(frame.states);
  const drawn = children.map(drawState);
  const any = isQuiet(frame) ? [] : drawBox(anyOf(frame), 'any state', linesOf(frame));
  if (frame.type === 'parallel') {
    return [...any, ...drawn.flatMap((region, index) => (index === 0 ? region : ['--', ...region]))];
  }
  return [
    ...drawInitial(frame),
    ...any,
    ...drawn.flat(),
    ...drawArrows(frame),
    ...children.filter(({ type }) => type === 'final').map((node) => `${idOf(node)} --> [*]`)
  ];
}

function drawInitial(frame: AnyStateNode): string[] {
  const { target, actions } = frame.initial;
  const label = actions.length > 0 ? ` : ${wrapLabel(`/ ${namesOf(actions)}`)}` : '';
  return (target ?? []).map((node) => `[*] --> ${idOf(node)}${label}`);
}

function drawBox(id: string, title: string, lines: readonly string[]): string[] {
  return [`state "${escape(title)}" as ${id}`, ...lines.map((line) => `${id} : ${escape(line)}`)];
}
