import { isUtf8 } from 'node:buffer';

/** A line of more bytes is not looked at: twice what the largest task takes, escaped as wide as JSON can. */
const maxLineBytes = 16 * 1024 * 1024;

const lineFeed = 0x0a;

/** A line that is not blank. */
export type Line = GoodLine | { readonly number: number; readonly problem: string };

export interface GoodLine {
  readonly number: number;
  readonly text: string;
}

/**
 * The lines of UTF-8 bytes, in memory one at a time. A byte order mark is passed over, and so are blank lines;
 * both count. Lines may end in CR LF.
 */
export async function* linesOf(bytes: AsyncIterable<Buffer>): AsyncGenerator<Line, void, undefined> {
  const pending = new PendingLine();
  let number = 0;
  for await (const chunk of bytes) {
    let from = 0;
    for (let to = chunk.indexOf(lineFeed); to !== -1; to = chunk.indexOf(lineFeed, from)) {
      pending.add(chunk.subarray(from, to));
      const line = pending.take(++number);
      if (line !== null) yield line;
      from = to + 1;
    }
    pending.add(chunk.subarray(from));
  }
  const last = pending.take(++number);
  if (last !== null) yield last;
}

/** The bytes of a line whose end has not come. */
class PendingLine {
  #parts: Buffer[] = [];
  #bytes = 0;

  /** Keeps the bytes, unless the line is too long already. */
  add(part: Buffer): void {
    this.#bytes += part.length;
    if (this.#bytes <= maxLineBytes) this.#parts.push(part);
    else this.#parts = [];
  }

  /** The line as it stands; `null` when it is blank. The next one begins. */
  take(number: number): Line | null {
    const isTooLong = this.#bytes > maxLineBytes;
    const line = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    if (isTooLong) return { number, problem: `is longer than ${maxLineBytes} bytes` };
    if (!isUtf8(line)) return { number, problem: `is not UTF-8${hintOf(line)}` };
    const text = withoutMark(line.toString('utf8'), number);
    return text.trim() === '' ? null : { number, text };
  }
}

function withoutMark(text: string, number: number): string {
  return number === 1 && text.startsWith('\uFEFF') ? text.slice(1) : text;
}

function hintOf(line: Buffer): string {
  const isUtf16 = (line[0] === 0xff && line[1] === 0xfe) || (line[0] === 0xfe && line[1] === 0xff);
  return isUtf16 ? ' but UTF-16; save the file as UTF-8' : '';
}
