import type { Picture, PlacedEdge, Point } from './picture.ts';
import { meets } from './polyline.ts';

/** How often lines of a picture cross one another. */
export function crossingsOf({ edges }: Picture): number {
  const segments = edges.map(segmentsOf);
  let count = 0;
  for (const [index, first] of segments.entries()) {
    for (const second of segments.slice(index + 1)) {
      for (const one of first) for (const other of second) if (isCrossing(one, other)) count += 1;
    }
  }
  return count;
}

/** Over the texts of how many states a line goes: those of frames that lines come into from above. */
export function crossedTextsOf({ states, edges }: Picture): number {
  return states.filter(({ state, box, text }) => {
    const area = { x: box.x + text.indent, y: box.y, width: text.textWidth, height: text.height };
    return state.states.length > 0 && edges.some(({ points }) => meets(points, area));
  }).length;
}

type Segment = readonly [Point, Point];

function segmentsOf({ points }: PlacedEdge): Segment[] {
  return points.slice(1).map((to, index) => [points[index]!, to]);
}

function isCrossing([a, b]: Segment, [c, d]: Segment): boolean {
  return sideOf(a, b, c) * sideOf(a, b, d) < 0 && sideOf(c, d, a) * sideOf(c, d, b) < 0;
}

/** Negative on one side of the line from `a` to `b`, positive on the other, 0 on it. */
function sideOf(a: Point, b: Point, point: Point): number {
  return (b.x - a.x) * (point.y - a.y) - (b.y - a.y) * (point.x - a.x);
}
