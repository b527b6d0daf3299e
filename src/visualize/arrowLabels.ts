import type { Arrow } from './arrows.ts';
import type { PlacedLabel } from './picture.ts';
import { lineHeight, textFont } from './stateText.ts';
import { widthOf, wrapped } from './textWidth.ts';
import { wordsOf } from './words.ts';

/** px between two labels in one line, and between a label and the line. */
const gap = 5;
const padding = 3;

/** What is written on an arrow. Positions count from the upper left corner of it all; sizes in px. */
interface ArrowLabels {
  readonly labels: readonly PlacedLabel[];
  readonly width: number;
  readonly height: number;
}

/** Sets what is written on an arrow, one below the other and centred, in lines of about `lineWidth` px. */
export function setLabels({ transitions, actions }: Arrow, lineWidth: number): ArrowLabels {
  const initial = actions.length === 0 ? [] : [{ text: `/ ${actions.join(', ')}`, transitions: [] }];
  const words = [...initial, ...wordsOf(transitions)].map(({ text, transitions: of }) => ({
    transitions: of,
    lines: wrapped(text, lineWidth, textFont)
  }));
  const widths = words.flatMap(({ lines }) => lines.map((line) => widthOf(line, textFont)));
  const width = Math.max(0, ...widths) + 2 * padding;
  let bottom = padding;
  const labels = words.map(({ transitions: of, lines }) => {
    const top = bottom;
    bottom += lines.length * lineHeight + gap;
    return {
      transitions: of,
      lines: lines.map((text, n) => ({
        text,
        x: (width - widthOf(text, textFont)) / 2,
        y: top + n * lineHeight + textFont.size - 1
      }))
    };
  });
  return { labels, width, height: bottom - gap + padding };
}
