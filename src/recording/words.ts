/** Beyond so many the oldest one is forgotten, and written in full when it comes again. */
const capacity = 16_384;

/** Characters: ids, keys, names and policies are shorter. Thousands are kept, so a longer one is no word. */
const maxLength = 4_096;

/** A text the first time, its number afterwards. */
export type Word = string | number;

/**
 * Texts that come again and again, as they are written: in full the first time, then by number.
 *
 * Who reads counts along, so no table is written. Bounded: ids come for ever.
 */
export class WordWriter {
  readonly #numbers = new Map<string, number>();
  readonly #texts: string[] = [];
  #next = 0;

  write(text: string): Word {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const forgotten = this.#texts[this.#next];
    if (forgotten !== undefined) this.#numbers.delete(forgotten);
    this.#texts[this.#next] = text;
    this.#numbers.set(text, this.#next);
    this.#next = (this.#next + 1) % capacity;
    return text;
  }
}

/** The other side of {@link WordWriter}. */
export class WordReader {
  readonly #texts: string[] = [];
  #next = 0;

  /** @throws {Error} for what no writer wrote. */
  read(word: unknown): string {
    if (typeof word === 'string') {
      if (word.length > maxLength) throw new Error(`a word has ${word.length} characters`);
      this.#texts[this.#next] = word;
      this.#next = (this.#next + 1) % capacity;
      return word;
    }
    const text = this.#texts[word as number];
    if (text === undefined) throw new Error(`there is no word ${String(word)}`);
    return text;
  }
}
