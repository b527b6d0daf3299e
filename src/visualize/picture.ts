import type { ChartState, ChartTransition } from './chart.ts';
import type { StateText, TextLine } from './stateText.ts';

/** px from the upper left corner of the picture. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** px. */
export interface Box extends Point {
  readonly width: number;
  readonly height: number;
}

/** A chart in which everything has its place. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Outer ones first. */
  readonly states: readonly PlacedState[];
  readonly edges: readonly PlacedEdge[];
  /** The dots from which initial states are entered, by their centres. */
  readonly dots: readonly Point[];
  /** What stands for whichever state of a frame is active: the transitions of the frame leave from it. */
  readonly anyStates: readonly Box[];
  /** Between the regions of a parallel state: from, to. */
  readonly separators: readonly (readonly [Point, Point])[];
}

export interface PlacedState {
  readonly state: ChartState;
  readonly box: Box;
  /** Positions count from the upper left corner of `box`. */
  readonly text: StateText;
  /** It fills a column of a parallel state, and has no border of its own. */
  readonly isRegion: boolean;
}

/** All transitions from one place to another: they share a line. */
export interface PlacedEdge {
  /** Paths of states. */
  readonly source: string;
  readonly target: string;
  /** Straight lines, from the source to the target. At least two. */
  readonly points: readonly Point[];
  /** What is written on it. */
  readonly labels: readonly PlacedLabel[];
  /** What all the labels take up together; `null`: there are none. */
  readonly labelBox: Box | null;
}

export interface PlacedLabel {
  /** None: the actions of an initial transition. */
  readonly transitions: readonly ChartTransition[];
  readonly lines: readonly TextLine[];
}

/** The same picture elsewhere. Its width and height are what they were. */
export function moved(picture: Picture, by: Point): Picture {
  const point = ({ x, y }: Point): Point => ({ x: x + by.x, y: y + by.y });
  const box = (of: Box): Box => ({ ...of, ...point(of) });
  return {
    width: picture.width,
    height: picture.height,
    states: picture.states.map((placed) => ({ ...placed, box: box(placed.box) })),
    edges: picture.edges.map((edge) => ({
      ...edge,
      points: edge.points.map(point),
      labels: edge.labels.map((label) => ({
        ...label,
        lines: label.lines.map((line) => ({ ...line, ...point(line) }))
      })),
      labelBox: edge.labelBox && box(edge.labelBox)
    })),
    dots: picture.dots.map(point),
    anyStates: picture.anyStates.map(box),
    separators: picture.separators.map(([from, to]) => [point(from), point(to)])
  };
}

/** Pictures on one sheet of a given size. */
export function joined(
  pictures: readonly Picture[],
  { width, height }: Pick<Picture, 'width' | 'height'>
): Picture {
  return {
    width,
    height,
    states: pictures.flatMap(({ states }) => states),
    edges: pictures.flatMap(({ edges }) => edges),
    dots: pictures.flatMap(({ dots }) => dots),
    anyStates: pictures.flatMap(({ anyStates }) => anyStates),
    separators: pictures.flatMap(({ separators }) => separators)
  };
}

export const emptyPicture: Picture = {
  width: 0,
  height: 0,
  states: [],
  edges: [],
  dots: [],
  anyStates: [],
  separators: []
};
