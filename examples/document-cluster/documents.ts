import { readFile } from 'node:fs/promises';
import { NonRetryableError, type HandlerContext } from 'xstate-fleet';

export interface Document {
  readonly path: string;
}

export interface Figures {
  readonly words: number;
  readonly headings: number;
  /** Of 300 words. */
  readonly pages: number;
}

export interface Summary {
  readonly sentences: readonly string[];
}

const wordsPerPage = 300;

/** Counts what a document holds. */
export async function processDocument(
  { path }: Document,
  { signal, progress }: HandlerContext
): Promise<Figures> {
  const text = await readDocument(path, signal);
  progress({ path, characters: text.length });
  const words = wordsOf(text).length;
  const headings = text.match(/^#+ /gm)?.length ?? 0;
  return { words, headings, pages: Math.max(1, Math.ceil(words / wordsPerPage)) };
}

/** Picks the sentences whose words the document uses most, in their order. */
export async function summariseDocument(
  { path, sentences = 2 }: Document & { readonly sentences?: number },
  { signal }: HandlerContext
): Promise<Summary> {
  const prose = proseOf(await readDocument(path, signal));
  const counts = new Map<string, number>();
  for (const word of wordsOf(prose)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const scored = sentencesOf(prose).map((sentence, place) => ({
    sentence,
    place,
    score: meanOf(wordsOf(sentence).map((word) => (word.length > 3 ? counts.get(word)! : 0)))
  }));
  const best = scored.toSorted((left, right) => right.score - left.score).slice(0, sentences);
  return {
    sentences: best.toSorted((left, right) => left.place - right.place).map(({ sentence }) => sentence)
  };
}

/** @throws {NonRetryableError} A file that is not there does not come by trying again. */
async function readDocument(path: string, signal: AbortSignal): Promise<string> {
  try {
    return await readFile(path, { encoding: 'utf8', signal });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new NonRetryableError(`There is no document ${path}`, { cause: error });
  }
}

/** Without code, tables, headings and marks. */
function proseOf(markdown: string): string {
  return markdown
    .replace(/^```[\s\S]*?^```/gm, '')
    .replace(/^[#|>!].*$/gm, '')
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[*`]/g, '');
}

function sentencesOf(prose: string): string[] {
  return prose
    .split(/\n\s*\n/)
    .flatMap((paragraph) => paragraph.replace(/\s+/g, ' ').match(/.+?[.!?](?=\s|$)/g) ?? [])
    .map((sentence) => sentence.trim())
    .filter((sentence) => wordsOf(sentence).length > 5);
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[a-z]{2,}/g) ?? [];
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
