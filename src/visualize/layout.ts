import type { ElkExtendedEdge, ElkNode } from 'elkjs/lib/elk-api.js';
import { arrowsOf, type Arrow, type Place } from './arrows.ts';
import { setLabels } from './arrowLabels.ts';
import { isWithin, withDescendants, type Chart, type ChartState } from './chart.ts';
import { elkLabelOptions, elkOptionsOf, type LayoutStyle } from './layoutStyle.ts';
import {
  emptyPicture,
  joined,
  moved,
  type Box,
  type Picture,
  type PlacedEdge,
  type PlacedState,
  type Point
} from './picture.ts';
import { meets, straightened } from './polyline.ts';
import { setBoxText, setFrameText } from './stateText.ts';

/** The layout engine, as far as it is used. */
export interface LayoutEngine {
  layout(graph: ElkNode): Promise<ElkNode>;
}

const dotSize = 10;
const historySize = 26;
const anySize = { width: 62, height: 22 };
/** px between the border of a frame and what is in it. */
const margin = 14;
/**
 * Lays a chart out.
 *
 * Each region of a parallel state is laid out alone, and they are put side by side. Where a transition leads from one
 * of them out of the state or into another, all are laid out together instead, as frames within it.
 */
export function layOut(chart: Chart, style: LayoutStyle, engine: LayoutEngine): Promise<Picture> {
  return new Layout(chart, style, engine).run();
}

class Layout {
  readonly #root: ChartState;
  readonly #arrows: readonly Arrow[];
  readonly #style: LayoutStyle;
  readonly #engine: LayoutEngine;
  /** Pictures of the parallel states whose regions are laid out alone, by path. */
  readonly #parallels = new Map<string, Picture>();

  constructor(chart: Chart, style: LayoutStyle, engine: LayoutEngine) {
    this.#root = chart.root;
    this.#arrows = arrowsOf(chart);
    this.#style = style;
    this.#engine = engine;
  }

  async run(): Promise<Picture> {
    if (this.#root.states.length === 0) return this.#pictureOfBox(this.#root);
    return this.#isApart(this.#root) ? this.#layOutRegions(this.#root) : this.#layOutFrame(this.#root);
  }

  #pictureOfBox(state: ChartState): Picture {
    const text = setBoxText(state, this.#style.boxWidth);
    const { width, height } = text;
    return {
      ...emptyPicture,
      width,
      height,
      states: [{ state, box: { x: 0, y: 0, width, height }, text, isRegion: false }]
    };
  }

  /** Whether no arrow leads from a region of a parallel state to anything outside of it. */
  #isApart({ type, path, states }: ChartState): boolean {
    if (type !== 'parallel') return false;
    const isOfRegion = (end: string): boolean => states.some((region) => region.path === end);
    const regionOf = (end: string) => states.find((region) => isWithin(end, region.path));
    return this.#arrows.every(({ from, to }) => {
      const isFromFrame = from.kind === 'any' && from.path === path;
      const isAtRegion = isOfRegion(to) || (from.kind === 'state' && isOfRegion(from.path));
      return !isFromFrame && !isAtRegion && regionOf(from.path) === regionOf(to);
    });
  }

  /** A parallel state: its regions side by side, of one height. */
  async #layOutRegions(state: ChartState): Promise<Picture> {
    const regions: Picture[] = [];
    for (const region of state.states) {
      regions.push(region.states.length === 0 ? this.#pictureOfBox(region) : await this.#layOutFrame(region));
    }
    const body = regions.reduce((sum, { width }) => sum + width, 0);
    const text = setFrameText(state, body);
    const height = Math.max(...regions.map((region) => region.height));
    // What the title needs more than the regions goes to the last of them.
    const widths = regions.map(({ width }, index) =>
      index === regions.length - 1 ? width + text.width - body : width
    );
    let x = 0;
    const pictures: Picture[] = [];
    const separators: [Point, Point][] = [
      [
        { x: 0, y: text.height },
        { x: text.width, y: text.height }
      ]
    ];
    for (const [index, picture] of regions.entries()) {
      const width = widths[index]!;
      pictures.push(moved(asRegion(picture, { width, height }), { x, y: text.height }));
      x += width;
      if (index < regions.length - 1)
        separators.push([
          { x, y: text.height },
          { x, y: text.height + height }
        ]);
    }
    const box: Box = { x: 0, y: 0, width: text.width, height: text.height + height };
    const frame: Picture = { ...emptyPicture, states: [{ state, box, text, isRegion: false }], separators };
    return joined([frame, ...pictures], box);
  }

  /** The machine itself, or a region that is laid out alone: what is in it, under its text. */
  async #layOutFrame(frame: ChartState): Promise<Picture> {
    for (const state of withDescendants(frame)) {
      if (state !== frame && this.#isApart(state) && !this.#isDrawn(state))
        this.#parallels.set(state.path, await this.#layOutRegions(state));
    }
    const body = this.#readGraph(frame, await this.#engine.layout(this.#graphOf(frame)));
    const text = setFrameText(frame, body.width);
    const box: Box = { x: 0, y: 0, width: text.width, height: text.height + body.height };
    const own: Picture = { ...emptyPicture, states: [{ state: frame, box, text, isRegion: false }] };
    const indent = Math.floor((text.width - body.width) / 2);
    return joined([own, moved(body, { x: indent, y: text.height })], box);
  }

  /** Whether a state is part of the picture of a parallel state that is laid out already. */
  #isDrawn({ path }: ChartState): boolean {
    return Array.from(this.#parallels.keys()).some((other) => isWithin(path, other));
  }

  #graphOf(frame: ChartState): ElkNode {
    return {
      id: rootId,
      layoutOptions: {
        ...elkOptionsOf(this.#style),
        'elk.padding': paddingOf(2)
      },
      children: this.#childrenOf(frame),
      edges: this.#arrows
        .filter((arrow) => this.#isIn(frame, arrow))
        .map((arrow, index) => this.#edgeOf(arrow, index))
    };
  }

  #childrenOf(frame: ChartState): ElkNode[] {
    const hasAny = this.#arrows.some(({ from }) => from.kind === 'any' && from.path === frame.path);
    return [
      ...(frame.initial === null
        ? []
        : [{ id: idOf({ kind: 'dot', path: frame.path }), width: dotSize, height: dotSize }]),
      ...(hasAny ? [{ id: idOf({ kind: 'any', path: frame.path }), ...anySize }] : []),
      ...frame.states.map((state) => this.#nodeOf(state))
    ];
  }

  #nodeOf(state: ChartState): ElkNode {
    const id = idOf({ kind: 'state', path: state.path });
    const parallel = this.#parallels.get(state.path);
    if (parallel !== undefined) return { id, width: parallel.width, height: parallel.height };
    if (state.type === 'history') return { id, width: historySize, height: historySize };
    if (state.states.length === 0) {
      const { width, height } = setBoxText(state, this.#style.boxWidth);
      return { id, width, height };
    }
    const { width, height } = this.#frameTextOf(state);
    // ELK lays downwards by laying out sideways and turning the result, which it forgets for this size.
    const minimum = this.#style.direction === 'DOWN' ? [height, width] : [width, height];
    return {
      id,
      layoutOptions: {
        'elk.padding': paddingOf(height),
        'elk.nodeSize.constraints': 'MINIMUM_SIZE',
        'elk.nodeSize.minimum': `(${minimum.join(', ')})`
      },
      children: this.#childrenOf(state)
    };
  }

  #frameTextOf(state: ChartState) {
    return setFrameText(state, Math.round(this.#style.boxWidth * 1.5));
  }

  /** Whether an arrow is drawn with a frame, and not with a part of it that is laid out alone. */
  #isIn(frame: ChartState, { from, to }: Arrow): boolean {
    const isInside = ({ kind, path }: Place): boolean =>
      isWithin(path, frame.path) && !(kind === 'state' && path === frame.path);
    if (!isInside(from) || !isWithin(to, frame.path)) return false;
    return !Array.from(this.#parallels.keys()).some(
      (path) => isWithin(from.path, path) && from.path !== path
    );
  }

  #edgeOf(arrow: Arrow, index: number): ElkExtendedEdge {
    const { width, height, labels } = setLabels(arrow, this.#style.labelWidth);
    return {
      id: `${index}`,
      sources: [idOf(arrow.from)],
      targets: [idOf({ kind: 'state', path: arrow.to })],
      labels: labels.length === 0 ? [] : [{ text: '-', width, height, layoutOptions: elkLabelOptions }]
    };
  }

  #readGraph(frame: ChartState, graph: ElkNode): Picture {
    const boxes = new Map<string, Box>();
    collectBoxes(graph, boxes);
    const arrows = this.#arrows.filter((arrow) => this.#isIn(frame, arrow));
    const edges = new Map((graph.edges ?? []).map((edge) => [edge.id, edge]));
    const nested: Picture[] = [];
    const states = withDescendants(frame).flatMap((state) => {
      const box = boxes.get(idOf({ kind: 'state', path: state.path }));
      if (box === undefined || state === frame) return [];
      const parallel = this.#parallels.get(state.path);
      if (parallel !== undefined) {
        nested.push(moved(parallel, box));
        return [];
      }
      return [{ state, box, text: this.#textIn(state, box), isRegion: false }];
    });
    const placed = arrows.map((arrow, index) => this.#placed(arrow, edges.get(`${index}`)!));
    const own: Picture = {
      ...emptyPicture,
      states: states.map((state) => besideEdges(state, placed)),
      edges: placed,
      dots: placesOf(boxes, 'dot').map(({ x, y }) => ({ x: x + dotSize / 2, y: y + dotSize / 2 })),
      anyStates: placesOf(boxes, 'any')
    };
    return joined([own, ...nested], { width: Math.ceil(graph.width!), height: Math.ceil(graph.height!) });
  }

  /** A frame may have become wider than its text needs: then it is set anew, if that makes it no higher. */
  #textIn(state: ChartState, { width }: Box) {
    if (state.states.length === 0) return setBoxText(state, this.#style.boxWidth);
    const reserved = this.#frameTextOf(state);
    const text = setFrameText(state, width);
    return text.height <= reserved.height && text.width <= width ? text : reserved;
  }

  #placed(arrow: Arrow, edge: ElkExtendedEdge): PlacedEdge {
    const { width, height, labels } = setLabels(arrow, this.#style.labelWidth);
    const { x = 0, y = 0 } = edge.labels?.[0] ?? {};
    return {
      source: arrow.source,
      target: arrow.to,
      points: straightened(
        edge.sections!.flatMap(({ startPoint, bendPoints = [], endPoint }) => [
          startPoint,
          ...bendPoints,
          endPoint
        ])
      ),
      labels: labels.map((label) => ({
        ...label,
        lines: label.lines.map((line) => ({ ...line, x: line.x + x, y: line.y + y }))
      })),
      labelBox: labels.length === 0 ? null : { x, y, width, height }
    };
  }
}

const rootId = 'root';

function paddingOf(top: number): string {
  return `[top=${top},left=${margin},bottom=${margin},right=${margin}]`;
}

function idOf({ kind, path }: Place): string {
  return `${kind}:${path}`;
}

function collectBoxes(node: ElkNode, boxes: Map<string, Box>): void {
  for (const child of node.children ?? []) {
    const { id, x = 0, y = 0, width = 0, height = 0 } = child;
    boxes.set(id, { x, y, width, height });
    collectBoxes(child, boxes);
  }
}

/** A frame with its text moved to the right as far as needed to be clear of the arrows that come in from above. */
function besideEdges(placed: PlacedState, edges: readonly PlacedEdge[]): PlacedState {
  const { state, box, text } = placed;
  if (state.states.length === 0) return placed;
  const steps = Math.floor((box.width - text.textWidth) / step) + 1;
  for (let n = 0; n < steps; n += 1) {
    const area = { x: box.x + n * step, y: box.y, width: text.textWidth, height: text.height };
    if (edges.every(({ points }) => !meets(points, area)))
      return { ...placed, text: { ...text, indent: n * step } };
  }
  return placed;
}

const step = 6;

function placesOf(boxes: ReadonlyMap<string, Box>, kind: Place['kind']): Box[] {
  return Array.from(boxes).flatMap(([id, box]) => (id.startsWith(`${kind}:`) ? [box] : []));
}

/** The picture of a region: its outermost state as large as the column that it stands in. */
function asRegion(picture: Picture, size: Pick<Box, 'width' | 'height'>): Picture {
  const [frame, ...others] = picture.states;
  return {
    ...picture,
    ...size,
    states: [{ ...frame!, box: { ...frame!.box, ...size }, isRegion: true }, ...others]
  };
}
