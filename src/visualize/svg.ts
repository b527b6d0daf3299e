import type { AnyStateMachine } from 'xstate';
import { refuse, readOptions } from '../validation/validation.ts';
import { describeMachine, type Chart } from './chart.ts';
import { layOut } from './layout.ts';
import type { LayoutStyle } from './layoutStyle.ts';
import { writeSvg } from './svgDocument.ts';
import type { Picture } from './picture.ts';
import { crossedTextsOf, crossingsOf } from './crossings.ts';

export interface SvgOptions {
  /**
   * A picture that is no wider is preferred, px. Text is 12 px high, so at the default it is 9 px where a page
   * scales the picture to 830 px, as GitHub does. Defaults to 1,100.
   */
  readonly maxWidth?: number;
}

/**
 * Draws a machine as an SVG document, readable in light and dark.
 *
 * It is laid out in several ways, of which the most compact one that fits is taken. The same machine gives the same
 * text, in every process.
 *
 * @throws {ValidationError}
 */
export async function toSvg(machine: AnyStateMachine, options: SvgOptions = {}): Promise<string> {
  const chart = describeMachine(machine);
  const { maxWidth } = readOptions('options', options, ['maxWidth']);
  if (maxWidth === undefined) return writeSvg(chart, await drawPicture(chart));
  if (!(maxWidth > 0)) refuse('options.maxWidth', maxWidth, 'a number of pixels, greater than 0');
  return writeSvg(chart, await drawPicture(chart, { maxWidth }));
}

/** The best layout of a chart. */
export async function drawPicture(chart: Chart, { maxWidth = 1_100 }: SvgOptions = {}): Promise<Picture> {
  // Loaded here alone: it takes 1.6 MB, and half a second to read.
  const { default: Elk } = await import('elkjs/lib/elk.bundled.js');
  const engine = new Elk.default();
  let best: { readonly picture: Picture; readonly cost: number } | null = null;
  for (const style of styles) {
    const picture = await layOut(chart, style, engine);
    const cost = costOf(picture, maxWidth) * detour[style.backwards];
    if (best === null || cost < best.cost) best = { picture, cost };
  }
  return best!.picture;
}

/** Wide texts only downwards: sideways they make the picture wide. */
const measures = {
  DOWN: [100, 150].flatMap((labelWidth) => [160, 220].map((boxWidth) => ({ labelWidth, boxWidth }))),
  RIGHT: [{ labelWidth: 110, boxWidth: 180 }]
} as const;

const styles: readonly LayoutStyle[] = (['DOWN', 'RIGHT'] as const).flatMap((direction) =>
  measures[direction].flatMap((measure) =>
    (['declared', 'passed', 'fewest'] as const).flatMap((backwards) =>
      [true, false].map((isInOrder) => ({ direction, ...measure, backwards, isInOrder }))
    )
  )
);

/** What a picture costs more that is less in the order of a life, in which machines are written. */
const detour = { declared: 1, passed: 1.08, fewest: 1.1 } as const;

/**
 * The area, more of it for lines that cross others or a text and beginnings that are not at the top, much more for what
 * is too wide.
 */
function costOf(picture: Picture, maxWidth: number): number {
  const { width, height } = picture;
  const overflow = Math.max(1, width / maxWidth);
  return (
    width *
    height *
    overflow ** 6 *
    1.03 ** crossingsOf(picture) *
    1.5 ** crossedTextsOf(picture) *
    (1 + latenessOf(picture))
  );
}

/** How far down the first beginning is, 0 to 1. */
function latenessOf({ dots: [first], height }: Picture): number {
  return first === undefined ? 0 : first.y / height;
}
