import type { AnyStateMachine, AnyStateNode } from 'xstate';
import { assertMachine } from '../validation/machine.ts';
import { activitiesOf, isWithin, nameOf, transitionsOf, type NamedTransition } from './transitions.ts';

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
 * @throws {ValidationError} for what is no machine.
 */
export function toMermaid(machine: AnyStateMachine): string {
  assertMachine('machine', machine);
  const { root } = machine;
  const anyStates = [root, ...descendantsOf(root)].filter(hasAnyState).map(anyStateOf);
  const drawing = [
    ...(root.type === 'compound' ? drawStates(root) : drawState(root)),
    ...(isFrame(root) ? [] : drawArrows(root)),
    ...(anyStates.length === 0 ? [] : ['classDef any stroke-dasharray:4', `class ${anyStates.join(',')} any`])
  ];
  return ['stateDiagram-v2', ...indent(drawing), ''].join('\n');
}

/** A box, or a frame around the states within. */
function drawState(node: AnyStateNode): string[] {
  if (!isFrame(node)) return drawBox(idOf(node), titleOf(node), [...descriptionOf(node), ...linesOf(node)]);
  // Regions are frames, one below the other: Mermaid puts what is between `--` side by side, which gets too wide
  // to read, and fails on a frame in there that has arrows (mermaid-js/mermaid#4052).
  const direction = node.type === 'parallel' ? 'LR' : 'TB';
  return [
    `state "${escape(titleOf(node))}" as ${idOf(node)} {`,
    ...indent([`direction ${direction}`, ...drawStates(node)]),
    '}'
  ];
}

/** What is within a frame: its states, and the arrows that stay inside. */
function drawStates(frame: AnyStateNode): string[] {
  const children = Object.values(frame.states);
  return [
    ...drawInitial(frame),
    ...(hasAnyState(frame) ? drawBox(anyStateOf(frame), 'any state', linesOf(frame)) : []),
    ...children.flatMap(drawState),
    ...drawArrows(frame),
    ...children.filter(({ type }) => type === 'final').map((node) => `${idOf(node)} --> [*]`)
  ];
}

function drawArrows(frame: AnyStateNode): string[] {
  return arrowsOf(frame).map(({ from, to, label }) => `${from} --> ${to} : ${label}`);
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
  const bundles = new Map<string, { from: string; to: string; transitions: NamedTransition[] }>();
  for (const source of [frame, ...descendantsOf(frame)]) {
    const from = source === frame && isFrame(frame) ? anyStateOf(frame) : idOf(source);
    for (const transition of transitionsOf(source)) {
      if (transition.isInternal) continue;
      for (const target of transition.targets) {
        if (frameAround(source, target) !== frame) continue;
        const to = idOf(target);
        const bundle = bundles.get(`${from} ${to}`) ?? { from, to, transitions: [] };
        bundles.set(`${from} ${to}`, bundle);
        bundle.transitions.push(transition);
      }
    }
  }
  return Array.from(bundles.values(), ({ from, to, transitions }) => ({
    from,
    to,
    label: merged(transitions).map(labelOf).join('<br/><br/>')
  }));
}

function labelOf(line: string): string {
  return wrap(line, labelWidth).map(escape).join('<br/>');
}

/** What a state does without being left. */
function linesOf(node: AnyStateNode): string[] {
  const internal = transitionsOf(node).filter(({ isInternal }) => isInternal);
  const ignored = internal.filter(({ actions }) => actions.length === 0);
  const taken = internal.filter(({ actions }) => actions.length > 0);
  return [
    ...activitiesOf(node),
    ...merged(taken),
    ...merged(ignored).map((line) => `ignore ${line}`)
  ].flatMap((line) => wrap(line, boxWidth).map((part, n) => (n === 0 ? '' : hangingIndent) + escape(part)));
}

function descriptionOf({ description = '' }: AnyStateNode): string[] {
  return description.length > descriptionLimit ? [] : wrap(description, boxWidth).map(escape);
}

/** `first, second [guard] / actions`: transitions that differ only in their event share a line. */
function merged(transitions: readonly NamedTransition[]): string[] {
  const triggers = new Map<string, string[]>();
  for (const transition of transitions) {
    const effect = effectOf(transition);
    triggers.set(effect, [...(triggers.get(effect) ?? []), transition.trigger]);
  }
  return Array.from(triggers, ([effect, names]) => names.join(', ') + effect);
}

/** ` [guard] / actions`, as far as there are any, and what its arrow alone does not say. */
function effectOf({
  source,
  targets,
  guard,
  isElse,
  actions,
  isReentry,
  isInternal
}: NamedTransition): string {
  const condition = [isElse ? 'else' : '', guard ?? ''].filter(Boolean).join(' ');
  const isToItself = targets.length === 1 && targets[0] === source;
  return [
    condition && ` [${condition}]`,
    actions.length > 0 ? ` / ${actions.join(', ')}` : '',
    isReentry && !isToItself ? ` (re-enters ${source.key})` : '',
    isToItself && !isReentry && !isInternal ? ' (begins anew inside)' : ''
  ].join('');
}

/** Breaks a line between words, but not after a `/` and not within a guard. */
function wrap(line: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of line.match(/\[[^\]]*\]|\/ \S+|\S+/g) ?? []) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

const hangingIndent = '#160;#160;#160;';

/** Characters that may mean something to Mermaid, to Markdown or to HTML become entities. */
function escape(text: string): string {
  // A name that has several lines would be several statements.
  const line = text.replaceAll(/\s+/gu, ' ');
  return line.replaceAll(/[^A-Za-z0-9\s.,'()[\]/?!+-]|--/gu, (found) =>
    Array.from(found, (character) => `#${character.codePointAt(0)};`).join('')
  );
}

function titleOf(node: AnyStateNode): string {
  const { type, key, description } = node;
  if (type === 'history') return node.history === 'deep' ? 'H*' : 'H';
  if (type === 'parallel') return `${key} (parallel)`;
  return type === 'compound' && description !== undefined && description.length <= boxWidth
    ? `${key}: ${description}`
    : key;
}

/** Words that Mermaid does not take for the id of a state, and the one of the machine itself. */
const reserved =
  /^(machine|accDescr|accTitle|as|class|classDef|click|default|href|note|root|scale|state|style)$/;

/** A word that no other state has. */
function idOf({ path }: AnyStateNode): string {
  if (path.length === 0) return 'machine';
  const id = path.map(wordOf).join('__');
  // Mermaid looks states up in plain objects, which have a `toString` already.
  return reserved.test(id) || id in Object.prototype ? `${id}_` : id;
}

/** A key as a word: what another key, `__` or `__any` could be taken for becomes its code point, as in `_u20_`. */
function wordOf(key: string): string {
  return key
    .replaceAll(
      /[^A-Za-z0-9_]|^_|_(?=_|$|u[\da-f]+_)/gu,
      (found) => `_u${found.codePointAt(0)!.toString(16)}_`
    )
    .replace(/^any$/, 'any_');
}

function anyStateOf(frame: AnyStateNode): string {
  return `${idOf(frame)}__any`;
}

function hasAnyState(node: AnyStateNode): boolean {
  return (
    isFrame(node) &&
    (linesOf(node).length > 0 || arrowsOf(node).some(({ from }) => from === anyStateOf(node)))
  );
}

function isFrame({ type }: AnyStateNode): boolean {
  return type === 'compound' || type === 'parallel';
}

/** The innermost frame around both states, or the source itself where the target is within it. */
function frameAround(source: AnyStateNode, target: AnyStateNode): AnyStateNode {
  let frame = source;
  while (frame.parent !== undefined && (frame === target || !isWithin(target, frame))) frame = frame.parent;
  return frame;
}

function descendantsOf(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states).flatMap((child) => [child, ...descendantsOf(child)]);
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
