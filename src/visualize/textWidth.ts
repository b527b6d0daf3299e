/** How a text is set: Helvetica, or one of the fonts of the same widths that the systems without it have. */
export interface Font {
  /** px. */
  readonly size: number;
  readonly isBold: boolean;
}

/** The same widths on every common system: Helvetica on macOS, Arial on Windows, Liberation Sans on Linux. */
export const fontFamily = 'Helvetica, Arial, "Liberation Sans", sans-serif';

/**
 * Advance widths of the characters from U+0020 to U+007E, in thousandths of the font's size. Read from the `hmtx`
 * tables of Liberation Sans 2.1 Regular and Bold, which has Arial's and Helvetica's widths.
 */
const regular = [
  278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556,
  556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278,
  500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469,
  556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500,
  278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584
];
const bold = [
  278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556,
  556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278,
  556, 722, 611, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584,
  556, 333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556,
  333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584
];

/** Of what the table has not: no wider than an em, be it an ideograph. */
const otherWidth = 1_000;
/** For what hinting and rounding add. */
const tolerance = 1.02;

/** A space at which no line is broken. */
export const noBreak = '\u00a0';

/** Width of a line of text, px, rounded up. */
export function widthOf(text: string, { size, isBold }: Font): number {
  const widths = isBold ? bold : regular;
  let sum = 0;
  for (const character of text.replaceAll(noBreak, ' '))
    sum += widths[character.codePointAt(0)! - 0x20] ?? otherWidth;
  return Math.ceil((sum * size * tolerance) / 1_000);
}

/** Breaks a text into lines of at most `width` px, between words, but not after a `/` and not within a guard. */
export function wrapped(text: string, width: number, font: Font): string[] {
  const lines: string[] = [];
  for (const word of text.match(/\[[^\]]*\]|\/ [^ ]+|[^ \t\n\r]+/g) ?? []) {
    const last = lines.at(-1);
    if (last === undefined || widthOf(`${last} ${word}`, font) > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
