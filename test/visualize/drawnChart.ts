import { nameFont, textFont } from '../../src/visualize/stateText.ts';
import { widthOf } from '../../src/visualize/textWidth.ts';

export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** What is drawn in an SVG document, as its text says. */
export interface DrawnChart {
  readonly sheet: Area;
  readonly states: readonly {
    readonly path: string;
    readonly kinds: readonly string[];
    readonly box: Area;
  }[];
  readonly transitions: readonly DrawnTransition[];
  /** What is written on arrows, each one line. */
  readonly labels: readonly Line[];
  /** What is written in states, each one line; `state`: the path of the state. */
  readonly texts: readonly (Line & { readonly state: string })[];
  /** Straight parts of arrows. */
  readonly segments: readonly Area[];
}

export interface DrawnTransition {
  readonly source: string;
  readonly target: string;
  readonly events: readonly string[];
  readonly isInternal: boolean;
  readonly text: string;
}

export interface Line {
  readonly text: string;
  readonly area: Area;
}

/** Reads a chart that `toSvg` has drawn. @throws when it is no well-formed XML. */
export function readSvg(svg: string): DrawnChart {
  const states: DrawnChart['states'][number][] = [];
  const transitions: DrawnTransition[] = [];
  const labels: Line[] = [];
  const texts: (Line & { state: string })[] = [];
  const segments: Area[] = [];
  const open: { name: string; attributes: Record<string, string> }[] = [];
  let sheet: Area | null = null;
  let content = '';
  for (const [, text = '', tag = ''] of svg.matchAll(/([^<]*)<([^>]*)>/g)) {
    content = decoded(text);
    const name = /^\/?([\w]+)/.exec(tag)![1]!;
    const attributes = attributesOf(tag);
    if (tag.startsWith('/')) {
      const closed = open.pop();
      if (closed?.name !== name) throw new Error(`</${name}> closes <${closed?.name}>`);
      const group = open.findLast((each) => each.name === 'g')?.attributes ?? {};
      const state = open.findLast(({ attributes: { class: kinds = '' } }) => kinds.startsWith('state '));
      if (name === 'tspan' || (name === 'text' && content !== '')) {
        const textClass = name === 'tspan' ? open.at(-1)!.attributes.class! : closed.attributes.class!;
        const line = { text: content, area: areaOfText(content, closed.attributes, textClass) };
        if (textClass === 'label') labels.push(line);
        else if (state !== undefined && !state.attributes.class!.includes('history'))
          texts.push({ ...line, state: state.attributes['data-state']! });
        if (group.class?.startsWith('transition')) {
          const last = transitions.pop()!;
          transitions.push({ ...last, text: `${last.text} ${content}`.trim() });
        }
      }
      continue;
    }
    if (!tag.endsWith('/')) open.push({ name, attributes });
    if (name === 'svg') sheet = viewOf(attributes.viewBox!);
    if (name === 'g' && attributes.class?.startsWith('transition')) {
      transitions.push({
        source: attributes['data-source']!,
        target: attributes['data-target']!,
        events: attributes['data-event']!.split(' '),
        isInternal: attributes.class.includes('internal'),
        text: ''
      });
    }
    if (name === 'rect' && attributes.class === 'box') {
      const { class: kinds, 'data-state': path } = open.at(-1)!.attributes;
      states.push({ path: path!, kinds: kinds!.split(' '), box: boxOf(attributes) });
    }
    if (name === 'path' && attributes.class === 'edge') segments.push(...segmentsOf(attributes.d!));
  }
  if (open.length > 0 || sheet === null) throw new Error('it is not closed');
  return { sheet, states, transitions, labels, texts, segments };
}

/** Whether areas overlap by more than a hair. */
export function overlap(a: Area, b: Area): boolean {
  const slack = 0.5;
  return (
    a.x + a.width > b.x + slack &&
    b.x + b.width > a.x + slack &&
    a.y + a.height > b.y + slack &&
    b.y + b.height > a.y + slack
  );
}

export function contains(outer: Area, inner: Area): boolean {
  return (
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height
  );
}

/** What overlaps in a drawing and must not; empty: nothing. */
export function collisionsIn({ sheet, states, labels, texts, segments }: DrawnChart): string[] {
  const found: string[] = [];
  for (const [index, { path, box, kinds }] of states.entries()) {
    if (!contains(sheet, box)) found.push(`${path} is off the sheet`);
    for (const other of states.slice(index + 1)) {
      const isInside = path === '' || other.path.startsWith(`${path}.`);
      if (isInside ? !contains(box, other.box) : overlap(box, other.box))
        found.push(`state ${path} and state ${other.path}`);
    }
    const isLeaf = !kinds.includes('compound') && !kinds.includes('parallel');
    if (!isLeaf) continue;
    for (const { text, area } of labels)
      if (overlap(area, box)) found.push(`label ${text} and state ${path}`);
    for (const segment of segments) if (overlap(segment, box)) found.push(`an arrow and state ${path}`);
  }
  for (const [index, { text, area }] of labels.entries()) {
    if (!contains(sheet, area)) found.push(`label ${text} is off the sheet`);
    for (const other of labels.slice(index + 1))
      if (overlap(area, other.area)) found.push(`labels ${text} and ${other.text}`);
    for (const other of texts) if (overlap(area, other.area)) found.push(`label ${text} and ${other.text}`);
    for (const segment of segments) if (overlap(segment, area)) found.push(`an arrow and label ${text}`);
  }
  for (const [index, { text, area, state }] of texts.entries()) {
    const box = states.find(({ path }) => path === state)!.box;
    if (!contains(box, area)) found.push(`${text} is not in ${state}`);
    for (const other of texts.slice(index + 1))
      if (overlap(area, other.area)) found.push(`texts ${text} and ${other.text}`);
    for (const segment of segments)
      if (overlap(segment, area)) found.push(`an arrow and ${text} of ${state}`);
  }
  return found;
}

function attributesOf(tag: string): Record<string, string> {
  return Object.fromEntries(
    Array.from(tag.matchAll(/([\w-]+)="([^"]*)"/g), ([, name, value]) => [name!, decoded(value!)])
  );
}

function areaOfText(text: string, { x, y }: Record<string, string>, kind: string): Area {
  const font = kind === 'name' ? nameFont : textFont;
  // From the top of a capital letter to below the baseline.
  return {
    x: Number(x),
    y: Number(y) - font.size * 0.72,
    width: widthOf(text, font),
    height: font.size * 0.93
  };
}

function viewOf(viewBox: string): Area {
  const [x, y, width, height] = viewBox.split(' ').map(Number) as [number, number, number, number];
  return { x, y, width, height };
}

function boxOf({ x, y, width, height }: Record<string, string>): Area {
  return { x: Number(x), y: Number(y), width: Number(width), height: Number(height) };
}

/** The straight parts of a path of `M`, `L` and `Q`, as areas without width or height. */
function segmentsOf(d: string): Area[] {
  const points = Array.from(
    d.matchAll(/[MLQ ](-?[\d.]+) (-?[\d.]+)/g),
    ([, x, y]) => [Number(x), Number(y)] as const
  );
  return points.slice(1).map(([x, y], index) => {
    const [fromX, fromY] = points[index]!;
    return {
      x: Math.min(x, fromX),
      y: Math.min(y, fromY),
      width: Math.abs(x - fromX),
      height: Math.abs(y - fromY)
    };
  });
}

function decoded(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
}
