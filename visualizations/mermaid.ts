import type { AnyStateMachine, AnyStateNode } from 'xstate';
import { activitiesOf, nameOf, transitionsOf, type NamedTransition } from './transitions.ts';

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
 * has `[else]` or `[else guard]`. A transition that leaves no state stands in its state's box. What holds in every
 * state of a frame (a machine, a compound or a parallel state) stands in, or leaves from, a box `any state`.
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

/** What is within a frame: its states, and the arrows that stay inside. */
function drawStates(frame: AnyStateNode): string[] {
  const children = Object.values(frame.states);
  const lines = linesOf(frame);
  const arrows = arrowsOf(frame);
  const hasCommon = lines.length > 0 || arrows.some(({ from }) => from === anyStateOf(frame));
  return [
    ...drawInitial(frame),
    ...(hasCommon ? drawBox(anyStateOf(frame), 'any state', lines) : []),
    ...children.map(drawState).flatMap((state, n) => (n > 0 && frame.type === 'parallel' ? ['--', ...state] : state)),
    ...arrows.map(({ from, to, label }) => `${from} --> ${to} : ${label}`),
    ...children.filter(({ type }) => type === 'final').map((node) => `${idOf(node)} --> [*]`)
  ];
}

function drawInitial({ initial: { target, actions } }: AnyStateNode): string[] {
  const label = actions.length === 0 ? '' : ` : ${escape(`/ ${actions.map(nameOf).join(', ')}`)}`;
  return (target ?? []).map((node) => `[*] --> ${idOf(node)}${label}`);
}

function drawBox(id: string, title: string, lines: readonly string[]): string[] {
  return [`state "${escape(title)}" as ${id}`, ...lines.map((line) => `${id} : ${line}`)];
}

interface Arrow {
  readonly from: string;
  readonly to: string;
  readonly label: string;
}

/** The arrows of which a frame is the innermost one around both ends; one arrow from a state to another. */
function arrowsOf(frame: AnyStateNode): Arrow[] {
  const bundles = new Map<string, Map<string, NamedTransition[]>>();
  for (const node of [frame, ...descendantsOf(frame)]) {
    for (const transition of transitionsOf(node)) {
      if (transition.isInternal) continue;
      for (const target of transition.targets) {
        if (frameAround(node, target) !== frame) continue;
        const from = node === frame ? anyStateOf(node) : idOf(node);
        const bundle = bundles.get(from) ?? new Map<string, NamedTransition[]>();
        bundles.set(from, bundle);
        bundle.set(idOf(target), [...(bundle.get(idOf(target)) ?? []), transition]);
      }
    }
  }
  return Array.from(bundles, ([from, bundle]) =>
    Array.from(bundle, ([to, transitions]) => ({
      from,
      to,
      label: merged(transitions)
        .map((line) => wrap(line, labelWidth).map(escape).join('<br/>'))
        .join('<br/><br/>')
    }))
  ).flat();
}

/** What a state does without leaving it. */
function linesOf(node: AnyStateNode): string[] {
  const internal = transitionsOf(node).filter(({ isInternal }) => isInternal);
  return [...activitiesOf(node), ...merged(internal)].flatMap((line) =>
    wrap(line, boxWidth).map((part, n) => (n === 0 ? '' : hangingIndent) + escape(part))
  );
}

function descriptionOf({ description = '' }: AnyStateNode): string[] {
  if (description === '' || description.length > descriptionLimit) return [];
  return wrap(description, boxWidth).map(escape);
}

/** `first, second [guard] / actions`: transitions that differ only in their event share a line. */
function merged(transitions: readonly NamedTransition[]): string[] {
  const triggers = new Map<string, string[]>();
  for (const transition of transitions) {
    const effect = effectOf(transition);
    triggers.set(effect, [...(triggers.get(effect) ?? []), transition.trigger]);
  }
  return Array.from(triggers, ([effect, events]) => events.join(', ') + effect);
}

/** ` [guard] / actions`, as far as there are any. */
function effectOf({ guard, isElse, actions }: NamedTransition): string {
  const condition = [isElse ? 'else' : '', guard ?? ''].filter(Boolean).join(' ');
  return (condition && ` [${condition}]`) + (actions.length > 0 ? ` / ${actions.join(', ')}` : '');
}

/** Breaks a line between words, but not after a `/` and not within a guard. */
function wrap(line: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of line.match(/\[[^\]]*\]|\/ \S+|\S+/g) ?? []) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

const hangingIndent = '#160;#160;#160;';

/** Characters that mean something to Mermaid or to HTML become entities. */
function escape(text: string): string {
  return text.replaceAll(/[^\w\s.,'()[\]/*?!+-]|--/g, (found) =>
    Array.from(found, (character) => `#${character.codePointAt(0)};`).join('')
  );
}

function titleOf(node: AnyStateNode): string {
  if (node.type !== 'history') return node.key;
  return node.history === 'deep' ? 'H*' : 'H';
}

/** Unique in the drawing, and no keyword of Mermaid's. */
function idOf(node: AnyStateNode): string {
  return node.path.length === 0 ? 'root' : node.path.map((key) => key.replaceAll(/\W/g, '_')).join('__');
}

function anyStateOf(frame: AnyStateNode): string {
  return `${idOf(frame)}__any`;
}

function isFrame({ type }: AnyStateNode): boolean {
  return type === 'compound' || type === 'parallel';
}

/** The innermost frame around both states, or the state itself when the target is within it. */
function frameAround(node: AnyStateNode, target: AnyStateNode): AnyStateNode {
  let frame = node;
  while (frame.parent !== undefined && (frame === target || !isWithin(target, frame))) frame = frame.parent;
  return frame;
}

function isWithin(node: AnyStateNode, frame: AnyStateNode): boolean {
  return node === frame || (node.parent !== undefined && isWithin(node.parent, frame));
}

function descendantsOf(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states).flatMap((child) => [child, ...descendantsOf(child)]);
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
