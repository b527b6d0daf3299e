import type { Box, Point } from './picture.ts';

/** px. */
const cornerRadius = 5;

/** What is left of a line, as lines, where a box lies on it. */
export function clipped(points: readonly Point[], box: Box | null): Point[][] {
  if (box === null) return [[...points]];
  const parts: Point[][] = [[points[0]!]];
  for (const [index, to] of points.entries()) {
    if (index === 0) continue;
    const from = points[index - 1]!;
    const covered = coveredPart(from, to, box);
    if (covered === null) parts.at(-1)!.push(to);
    else {
      const [begin, end] = covered;
      parts.at(-1)!.push(between(from, to, begin));
      parts.push([between(from, to, end)]);
      if (end < 1) parts.at(-1)!.push(to);
    }
  }
  return parts.filter((part) => part.length > 1 && lengthOf(part) > 0.5);
}

/** Without steps of a few px next to the ends: an end may as well be where the line goes on. */
export function straightened(points: readonly Point[]): readonly Point[] {
  return withStraightStart(withStraightStart(points).toReversed()).toReversed();
}

/** The largest step that is taken out, px: less than ends are apart. */
const smallStep = 6;

function withStraightStart(points: readonly Point[]): readonly Point[] {
  const [start, corner, next, end] = points;
  if (start === undefined || corner === undefined || next === undefined || end === undefined) return points;
  const moved = start.x === corner.x ? { x: next.x, y: start.y } : { x: start.x, y: next.y };
  const isStep = distance(corner, next) <= smallStep && (moved.x === end.x || moved.y === end.y);
  return isStep ? [moved, ...points.slice(3)] : points;
}

/** Whether some of a line is inside a box. */
export function meets(points: readonly Point[], box: Box): boolean {
  return points.slice(1).some((to, index) => coveredPart(points[index]!, to, box) !== null);
}

/** The `d` of a path along a line, with round corners. */
export function pathOf(points: readonly Point[]): string {
  const commands = points.map((point, index) => {
    const [before, after] = [points[index - 1], points[index + 1]];
    if (before === undefined) return `M${text(point)}`;
    if (after === undefined) return `L${text(point)}`;
    const radius = Math.min(cornerRadius, distance(before, point) / 2, distance(point, after) / 2);
    return `L${text(towards(point, before, radius))}Q${text(point)} ${text(towards(point, after, radius))}`;
  });
  return commands.join('');
}

/** To a hundredth of a px. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** The part of a straight line within a box, as shares of the line; `null`: it does not meet the box. */
function coveredPart(from: Point, to: Point, { x, y, width, height }: Box): [number, number] | null {
  let [begin, end] = [0, 1];
  for (const [start, delta, low, high] of [
    [from.x, to.x - from.x, x, x + width],
    [from.y, to.y - from.y, y, y + height]
  ] as const) {
    if (delta === 0) {
      if (start <= low || start >= high) return null;
      continue;
    }
    const ends = [(low - start) / delta, (high - start) / delta];
    begin = Math.max(begin, Math.min(...ends));
    end = Math.min(end, Math.max(...ends));
  }
  return begin < end ? [begin, end] : null;
}

function between(from: Point, to: Point, share: number): Point {
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}

function towards(from: Point, to: Point, length: number): Point {
  const whole = distance(from, to);
  return whole === 0 ? from : between(from, to, length / whole);
}

function distance(from: Point, to: Point): number {
  return Math.hypot(to.x - from.x, to.y - from.y);
}

function lengthOf(points: readonly Point[]): number {
  return points.slice(1).reduce((sum, point, index) => sum + distance(points[index]!, point), 0);
}

function text({ x, y }: Point): string {
  return `${round(x)} ${round(y)}`;
}
