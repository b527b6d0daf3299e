import { limits } from './limits.ts';

// Captured when the library loads: a handler may replace them.
const { stringify } = JSON;

/** What JSON leaves as it is and a terminal obeys: eight-bit controls, line ends, and marks that reorder text. */
const obeyed = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** A value for a message: one line, short, and never throwing, whatever the value is. */
export function show(value: unknown): string {
  try {
    return shorten(describe(value));
  } catch {
    return 'a value that cannot be inspected';
  }
}

/** Text in quotes, whole, on one line, with nothing in it that a terminal obeys. */
export function quote(text: string): string {
  return escapeControls(stringify(text));
}

/** The step to a property in the path of a value: `.name`, or `["any \n text"]`, shortened. */
export function showKey(key: string): string {
  return /^[\w$]+$/.test(key) && key.length <= limits.shownValue ? `.${key}` : `[${show(key)}]`;
}

/** JSON text, and any other without C0 controls, with the rest of what a terminal obeys as JSON escapes. */
export function escapeControls(text: string): string {
  return text.replace(obeyed, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return quote(value.length > limits.shownValue ? `${value.slice(0, limits.shownValue)}…` : value);
    case 'bigint':
      return `${value}n`;
    case 'symbol':
      return 'a symbol';
    case 'function':
      return 'a function';
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return `an array of ${value.length}`;
      return `an object of class ${className(value)}`;
    default:
      return Object.is(value, -0) ? '-0' : String(value);
  }
}

function className(value: object): string {
  const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: unknown } } | null;
  const name = prototype?.constructor?.name;
  // A name that is no identifier was made up, and is quoted like any text.
  return typeof name === 'string' && name !== '' ? (/^[\w$]+$/.test(name) ? name : quote(name)) : 'Object';
}

/** Quoted text is within its bound already, however many of its characters had to be escaped. */
function shorten(text: string): string {
  const isQuoted = text.startsWith('"');
  return !isQuoted && text.length > limits.shownValue + 10 ? `${text.slice(0, limits.shownValue)}…` : text;
}
