import { withDescendants, type Chart, type ChartState, type ChartTransition } from './chart.ts';
import { clipped, pathOf, round } from './polyline.ts';
import type { Box, Picture, PlacedEdge, PlacedState, Point } from './picture.ts';
import { nameFont, textFont, titleOf, type StateItem, type TextLine } from './stateText.ts';
import { fontFamily, noBreak } from './textWidth.ts';

/** px around the picture. */
const margin = 8;

/** Writes a picture as an SVG document. It has no ids and no scripts, so any number of them can be put into a page. */
export function writeSvg(chart: Chart, picture: Picture): string {
  const width = Math.ceil(picture.width) + 2 * margin;
  const height = Math.ceil(picture.height) + 2 * margin;
  const regions = new Set(
    withDescendants(chart.root).flatMap(({ type, states }) => (type === 'parallel' ? states : []))
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" width="${width}" height="${height}" ` +
      `viewBox="${-margin} ${-margin} ${width} ${height}">`,
    `<title>${escape(chart.id)}</title>`,
    `<desc>${escape(summaryOf(chart))}</desc>`,
    style,
    `<rect class="ground" x="${-margin}" y="${-margin}" width="${width}" height="${height}"/>`,
    ...picture.states.map((placed) => writeState(placed, kindsOf(placed, regions))),
    ...picture.separators.map(([from, to]) => `<path class="separator" d="${pathOf([from, to])}"/>`),
    ...picture.edges.map(writeEdge),
    ...picture.dots.map(({ x, y }) => `<circle class="initial" cx="${round(x)}" cy="${round(y)}" r="4.5"/>`),
    ...picture.anyStates.map(writeAnyState),
    '</svg>',
    ''
  ].join('\n');
}

function summaryOf({ root }: Chart): string {
  const states = withDescendants(root).filter(({ path, type }) => path !== '' && type !== 'history');
  const names = states.map(({ path }) => path).join(', ');
  return `${root.description === null ? '' : `${root.description} `}Statechart of ${states.length} states: ${names}.`;
}

// A page that shows the chart overrides a colour by `.chart { --chart-accent: … }`: `:where` lets it win.
const style = `<style>
:where(.chart) { --chart-background: #ffffff; --chart-box: #f6f8fa; --chart-border: #818b98; --chart-text: #1f2328; --chart-muted: #59636e; --chart-edge: #59636e; --chart-accent: #0969da; }
@media (prefers-color-scheme: dark) {
:where(.chart) { --chart-background: #0d1117; --chart-box: #151b23; --chart-border: #656c76; --chart-text: #f0f6fc; --chart-muted: #9198a1; --chart-edge: #9198a1; --chart-accent: #58a6ff; }
}
.chart text { font: ${textFont.size}px ${fontFamily}; fill: var(--chart-text); white-space: pre; }
.chart .ground { fill: var(--chart-background); }
.chart .box { fill: var(--chart-box); stroke: var(--chart-border); }
.chart .compound > .box, .chart .parallel > .box { fill: var(--chart-background); }
.chart .region > .box { stroke: none; fill: none; }
.chart .apart > .box { stroke-dasharray: 5 4; }
.chart .inner, .chart .divider { fill: none; stroke: var(--chart-border); }
.chart .divider { stroke-opacity: 0.5; }
.chart .separator { fill: none; stroke: var(--chart-border); stroke-dasharray: 5 4; }
.chart text.name { font-size: ${nameFont.size}px; font-weight: bold; }
.chart text.count { font-weight: bold; fill: var(--chart-accent); }
.chart text.description { fill: var(--chart-muted); }
.chart .edge { fill: none; stroke: var(--chart-edge); stroke-width: 1.2; }
.chart .head, .chart .initial { fill: var(--chart-edge); }
.chart .any rect { fill: none; stroke: var(--chart-edge); stroke-dasharray: 3 3; }
.chart .any text, .chart .history text { text-anchor: middle; }
.chart .any text { fill: var(--chart-muted); }
.chart .active > .box { stroke: var(--chart-accent); stroke-width: 2.5; }
.chart .active > .name { fill: var(--chart-accent); }
</style>`;

/** A region fills a column between dashed lines, or has a dashed border where it is laid out as a frame. */
function kindsOf({ state, isRegion }: PlacedState, regions: ReadonlySet<ChartState>): string {
  if (!regions.has(state)) return state.type;
  return `${state.type} ${isRegion ? 'region' : 'apart'}`;
}

function writeState({ state, box, text }: PlacedState, kinds: string): string {
  const { x, y, width, height } = box;
  return [
    `<g class="state ${kinds}" data-state="${escape(state.path)}">`,
    ...(state.description === null ? [] : [`<title>${escape(state.description)}</title>`]),
    `<rect class="box" ${rectangle(box)} rx="${state.type === 'history' ? width / 2 : 6}"/>`,
    ...(state.type === 'final'
      ? [
          `<rect class="inner" ${rectangle({ x: x + 3, y: y + 3, width: width - 6, height: height - 6 })} rx="4"/>`
        ]
      : []),
    state.type === 'history'
      ? `<text class="name" x="${round(x + width / 2)}" y="${round(y + height / 2 + 4.5)}">${titleOf(state)}</text>`
      : `<text class="name" x="${round(x + text.indent + 10)}" y="${round(y + 19)}">${escape(titleOf(state))}</text>`,
    `<text class="count" text-anchor="end" x="${round(x + width - 10)}" y="${round(y + 19)}"></text>`,
    ...(text.divider === null || state.type === 'history'
      ? []
      : [
          `<path class="divider" d="${pathOf([
            { x, y: y + text.divider },
            { x: x + width, y: y + text.divider }
          ])}"/>`
        ]),
    ...(state.type === 'history'
      ? []
      : text.items.map((item) => writeItem(item, state.path, { x: x + text.indent, y }))),
    '</g>'
  ].join('\n');
}

function writeItem({ kind, transitions, lines }: StateItem, path: string, { x, y }: Point): string {
  const text = writeLines(
    kind,
    lines.map((line) => ({ ...line, x: line.x + x, y: line.y + y }))
  );
  return kind === 'transition'
    ? writeTransitions({ transitions, source: path, target: path, kind: ' internal' }, [text])
    : text;
}

/** One line stands for all transitions from one place to another. It is drawn but for where its labels are. */
function writeEdge({ source, target, points, labels, labelBox }: PlacedEdge): string {
  const drawing = [
    ...clipped(points, labelBox).map((part) => `<path class="edge" d="${pathOf(part)}"/>`),
    `<path class="head" d="${headOf(points)}"/>`,
    ...labels.map(({ lines }) => writeLines('label', lines))
  ];
  const transitions = labels.flatMap((label) => label.transitions);
  return transitions.length === 0
    ? ['<g class="entry">', ...drawing, '</g>'].join('\n')
    : writeTransitions({ transitions, source, target, kind: '' }, drawing);
}

interface TransitionGroup {
  readonly transitions: readonly ChartTransition[];
  readonly source: string;
  readonly target: string;
  readonly kind: '' | ' internal';
}

function writeTransitions(
  { transitions, source, target, kind }: TransitionGroup,
  content: readonly string[]
): string {
  const events = [
    ...new Set(transitions.map(({ event }) => (event || 'always').replaceAll(' ', noBreak)))
  ].join(' ');
  const descriptions = transitions.flatMap(({ description }) => (description === null ? [] : [description]));
  return [
    `<g class="transition${kind}" data-source="${escape(source)}" data-target="${escape(target)}" data-event="${escape(events)}">`,
    ...(descriptions.length === 0 ? [] : [`<title>${escape(descriptions.join('\n'))}</title>`]),
    ...content,
    '</g>'
  ].join('\n');
}

function writeLines(kind: string, lines: readonly TextLine[]): string {
  const spans = lines.map(
    ({ text, x, y }) =>
      `<tspan x="${round(x)}" y="${round(y)}">${escape(text.replaceAll(noBreak, ' '))}</tspan>`
  );
  return `<text class="${kind}">${spans.join('')}</text>`;
}

function writeAnyState(box: Box): string {
  const { x, y, width, height } = box;
  return (
    `<g class="any"><rect ${rectangle(box)} rx="${height / 2}"/>` +
    `<text x="${round(x + width / 2)}" y="${round(y + height / 2 + 4)}">any state</text></g>`
  );
}

/** The head of an arrow at the end of a line. */
function headOf(points: readonly Point[]): string {
  const [before, tip] = points.slice(-2) as [Point, Point];
  const length = Math.hypot(tip.x - before.x, tip.y - before.y) || 1;
  const [dx, dy] = [(tip.x - before.x) / length, (tip.y - before.y) / length];
  const corner = (side: number): string =>
    `${round(tip.x - 7 * dx - side * dy)} ${round(tip.y - 7 * dy + side * dx)}`;
  return `M${round(tip.x)} ${round(tip.y)}L${corner(3.5)}L${corner(-3.5)}z`;
}

function rectangle({ x, y, width, height }: Box): string {
  return `x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"`;
}

function escape(text: string): string {
  return (
    text
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      // What XML cannot have at all.
      .replaceAll(/[\p{Cc}\p{Cs}\ufffe\uffff]/gu, (found) => (/[\t\n\r]/.test(found) ? found : '\ufffd'))
  );
}
