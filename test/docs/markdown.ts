import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);
/** Folders without pages of the project. */
const skipped = new Set(['node_modules', 'dist', 'coverage', '.git', '.fleet']);

/** A page of Markdown. */
export interface Page {
  /** Relative to the root of the project. */
  readonly path: string;
  readonly text: string;
}

/** A fenced block of TypeScript. */
export interface Block {
  readonly page: string;
  /** Of its first line of code, from 1. */
  readonly line: number;
  readonly code: string;
  /** A comment above it says that it is not whole: `<!-- fragment -->`. */
  readonly isFragment: boolean;
}

/** A link to a file of the project, or to a heading in one. */
export interface Link {
  readonly page: string;
  /** As it is written. */
  readonly target: string;
}

/** Every page of the project, by path. */
export function readPages(): readonly Page[] {
  return pathsIn('').map((path) => ({
    path,
    text: readFileSync(fileURLToPath(new URL(path, root)), 'utf8')
  }));
}

/** The blocks of TypeScript of a page. */
export function blocksOf({ path, text }: Page): readonly Block[] {
  return [...text.matchAll(/^(<!-- fragment -->\n)?```ts\n([\s\S]*?)^```$/gm)].map(
    ({ index, 1: mark = '', 2: code = '' }) => ({
      page: path,
      line: text.slice(0, index + mark.length).split('\n').length + 1,
      code,
      isFragment: mark !== ''
    })
  );
}

/** The links of a page that lead into the project, its pictures among them. */
export function linksOf({ path, text }: Page): readonly Link[] {
  return [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)|\b(?:src|srcset|href)="([^"\s]+)"/g)]
    .map(([, link, attribute]) => ({ page: path, target: (link ?? attribute)! }))
    .filter(({ target }) => !/^[a-z]+:/.test(target));
}

/** What can stand behind a `#` in a link to a page: its headings, as GitHub names them. */
export function anchorsOf({ text }: Page): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading] of withoutBlocks(text).matchAll(/^#+ (.+)$/gm)) {
    const slug = slugOf(heading!);
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count++) anchor = `${slug}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}

function pathsIn(folder: string): readonly string[] {
  return readdirSync(fileURLToPath(new URL(`./${folder}`, root)), { withFileTypes: true }).flatMap(
    (entry) => {
      const path = `${folder}${entry.name}`;
      if (entry.isDirectory()) return skipped.has(entry.name) ? [] : pathsIn(`${path}/`);
      return entry.name.endsWith('.md') ? [path] : [];
    }
  );
}

function slugOf(heading: string): string {
  const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
  return plain.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-');
}

function withoutCode(text: string): string {
  return withoutBlocks(text).replaceAll(/`[^`\n]*`/g, '');
}

function withoutBlocks(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```$/gm, '');
}
