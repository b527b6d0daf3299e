import { readFile } from 'node:fs/promises';

/** The page as it is served and written: every file of it, as text. */
export interface PageAssets {
  /** The live page; loads `/page.js` and `/page.css`, nothing else, and has nothing inline. */
  readonly html: string;
  /** One html file with everything in it, and `<!-- recording -->` where `embedRecording` puts a recording. */
  readonly replayHtml: string;
  readonly script: string;
  readonly style: string;
}

/** File names in `dist/page`, by what is in them. */
export const pageFiles = {
  html: 'index.html',
  replayHtml: 'replay.html',
  script: 'page.js',
  style: 'page.css'
} as const satisfies Record<keyof PageAssets, string>;

/**
 * Reads the page that `npm run build` has made.
 *
 * @throws {Error} when it was not made, with what to do about it.
 */
export async function readPageAssets(): Promise<PageAssets> {
  let problem: unknown;
  for (const folder of folders) {
    try {
      return await readFrom(folder);
    } catch (error) {
      problem = error;
    }
  }
  throw new Error('The live page is missing: make it by npm run build, or install xstate-fleet anew', {
    cause: problem
  });
}

/** Beside the compiled code, and from the sources. */
const folders = ['./page/', '../../dist/page/'].map((path) => new URL(path, import.meta.url));

async function readFrom(folder: URL): Promise<PageAssets> {
  const text = (name: string) => readFile(new URL(name, folder), 'utf8');
  const [html, replayHtml, script, style] = await Promise.all([
    text(pageFiles.html),
    text(pageFiles.replayHtml),
    text(pageFiles.script),
    text(pageFiles.style)
  ]);
  return { html, replayHtml, script, style };
}
