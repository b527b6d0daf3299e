import type { ChartState, ChartTransition } from './chart.ts';
import { widthOf, wrapped, type Font } from './textWidth.ts';
import { activitiesOf, arrowTargetsOf, wordsOf } from './words.ts';

export const nameFont = { size: 13, isBold: true } as const satisfies Font;
export const textFont = { size: 12, isBold: false } as const satisfies Font;
/** px from one line of text to the next. */
export const lineHeight = 15;

/** px from the border of a state to its text. */
const padding = 10;
/** Height of the row that has the name, px. */
const titleHeight = 27;
/** Room right of the name for a number of six characters, px. */
const countWidth = 56;
/** By how much the lines after the first one of an item stand in, px. */
const indent = 10;
/** A column of a frame's list is at least so wide, px. */
const columnWidth = 330;

/** A line of text. `x` is its left end, `y` its baseline, px. */
export interface TextLine {
  readonly text: string;
  readonly x: number;
  readonly y: number;
}

/** What stands in a state, under its name. */
export interface StateItem {
  readonly kind: 'description' | 'activity' | 'transition';
  /** What it says of; none but for `transition`. */
  readonly transitions: readonly ChartTransition[];
  readonly lines: readonly TextLine[];
}

/** The text of a state, set. Positions count from its upper left corner. */
export interface StateText {
  readonly items: readonly StateItem[];
  /** Between the description and what the state does, px from the top; `null`: one of the two is missing. */
  readonly divider: number | null;
  readonly width: number;
  readonly height: number;
  /** What the text itself takes up of the width, px from `indent`. */
  readonly textWidth: number;
  /** By how much it all stands in, px. */
  readonly indent: number;
}

/** Sets the text of a state without states in it, in lines of about `width` px. */
export function setBoxText(state: ChartState, width: number): StateText {
  return setText(state, { lineWidth: width, columns: 1 });
}

/** Sets the text above what is in a frame of `width` px, or of more where it needs more: its list in columns. */
export function setFrameText(state: ChartState, width: number): StateText {
  const columns = Math.max(1, Math.floor(width / columnWidth));
  const lineWidth = Math.max(width, columnWidth) / columns - 2 * padding;
  const text = setText(state, { lineWidth, columns });
  return { ...text, width: Math.max(width, text.width) };
}

interface Measure {
  /** px. */
  readonly lineWidth: number;
  readonly columns: number;
}

function setText(state: ChartState, { lineWidth, columns }: Measure): StateText {
  const description = wrapped(state.description ?? '', lineWidth * columns, textFont);
  const list = itemsOf(state, lineWidth);
  const hasBoth = description.length > 0 && list.length > 0;
  const top = titleHeight + description.length * lineHeight + (hasBoth ? 7 : 0);
  const column = columnsOf(list, columns);
  const items: StateItem[] =
    description.length === 0
      ? []
      : [{ kind: 'description', transitions: [], lines: placed(description, padding, titleHeight, 0) }];
  let height = 0;
  for (const [index, item] of list.entries()) {
    const above = list.slice(0, index).filter((_, other) => column[other] === column[index]);
    const y = above.reduce((sum, { lines }) => sum + lines.length * lineHeight, 0);
    const x = padding + column[index]! * (lineWidth + 2 * padding);
    items.push({ ...item, lines: placed(item.lines, x, top + y, indent) });
    height = Math.max(height, y + item.lines.length * lineHeight);
  }
  const ends = items.flatMap(({ lines }) => lines.map(({ x, text }) => x + widthOf(text, textFont)));
  const titleEnd = padding + widthOf(titleOf(state), nameFont) + countWidth;
  const width = Math.ceil(Math.max(titleEnd, ...ends) + padding);
  return {
    items,
    indent: 0,
    divider: hasBoth ? top - 3 : null,
    width,
    textWidth: width,
    height: items.length === 0 ? titleHeight + 3 : top + height + 8
  };
}

/** The name of a state, as it is drawn. */
export function titleOf({ type, key, history }: ChartState): string {
  if (type === 'history') return history?.depth === 'deep' ? 'H*' : 'H';
  return key;
}

type Item = Pick<StateItem, 'kind' | 'transitions'> & { readonly lines: readonly string[] };

/** What a state does on its own and without being left. */
function itemsOf(state: ChartState, width: number): Item[] {
  const internal = state.transitions.filter((transition) => arrowTargetsOf(transition).length === 0);
  const isIgnored = ({ actions, isInternal }: ChartTransition) => isInternal && actions.length === 0;
  const lines = (text: string) => wrapped(text, width - indent, textFont);
  return [
    ...activitiesOf(state).map((text) => ({
      kind: 'activity' as const,
      transitions: [],
      lines: lines(text)
    })),
    ...wordsOf(internal.filter((transition) => !isIgnored(transition))).map(({ text, transitions }) => ({
      kind: 'transition' as const,
      transitions,
      lines: lines(text)
    })),
    ...wordsOf(internal.filter(isIgnored)).map(({ text, transitions }) => ({
      kind: 'transition' as const,
      transitions,
      lines: lines(`ignores ${text}`)
    }))
  ];
}

/** In which column each item stands, so that they are filled one after the other, to about the same height. */
function columnsOf(items: readonly Item[], columns: number): number[] {
  const total = items.reduce((sum, { lines }) => sum + lines.length, 0);
  let before = 0;
  return items.map(({ lines }) => {
    const column = Math.floor((before / total) * columns);
    before += lines.length;
    return column;
  });
}

function placed(lines: readonly string[], x: number, top: number, hanging: number): TextLine[] {
  return lines.map((text, n) => ({
    text,
    x: n === 0 ? x : x + hanging,
    y: top + n * lineHeight + textFont.size - 1
  }));
}
