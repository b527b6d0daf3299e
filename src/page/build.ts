import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { pageFiles, type PageAssets } from '../dashboard/pageAssets.ts';
import { recordingMarker } from './embedRecording.ts';

const root = new URL('../../', import.meta.url);
const folder = new URL('dist/page/', root);

/** Makes the page from its sources. Writes nothing. */
export async function bundlePage(): Promise<PageAssets> {
  const drawingStyles = new Set<string>();
  const { outputFiles } = await build({
    entryPoints: ['page.tsx', 'page.css'].map((name) => fileURLToPath(new URL(`src/page/${name}`, root))),
    bundle: true,
    minify: true,
    write: false,
    outdir: fileURLToPath(folder),
    format: 'iife',
    target: ['chrome123', 'firefox120', 'safari17.5'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    charset: 'utf8',
    legalComments: 'none',
    plugins: [drawings(drawingStyles)]
  });
  const output = (extension: string) =>
    outputFiles.find(({ path }) => path.endsWith(extension))?.text.trim() ?? '';
  const script = output('.js').replaceAll('</script', '<\\/script');
  // The page's own rules come after those of the drawings, which they refine.
  const style = [...drawingStyles, output('.css')].join('\n');
  return { html: liveHtml, replayHtml: replayHtmlOf(script, style), script, style };
}

/** Makes the page and writes it to `dist/page`. */
export async function writePage(): Promise<void> {
  const assets = await bundlePage();
  await mkdir(folder, { recursive: true });
  const names = Object.entries(pageFiles) as [keyof PageAssets, string][];
  await Promise.all(names.map(([asset, name]) => writeFile(new URL(name, folder), assets[asset])));
}

/**
 * A drawing as text. Its `<style>` goes into the page's style sheet: the page allows nothing inline.
 *
 * @param styles - Takes what was found.
 */
function drawings(styles: Set<string>): Plugin {
  return {
    name: 'drawings',
    setup(build) {
      build.onLoad({ filter: /\.svg$/ }, async ({ path }) => {
        const svg = await readFile(path, 'utf8');
        const contents = svg.replace(/<style>([\s\S]*?)<\/style>/g, (_, style: string) => {
          styles.add(style.trim());
          return '';
        });
        return { contents, loader: 'text' };
      });
    }
  };
}

const liveHtml = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>xstate-fleet</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/page.css">
<script src="/page.js" defer></script>
</head>
<body><div id="page"></div><noscript>This page needs JavaScript.</noscript></body>
</html>
`;

function replayHtmlOf(script: string, style: string): string {
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'"
  ].join('; ');
  return `<!doctype html>
<html lang="en" data-replay>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>xstate-fleet replay</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body><div id="page"></div>${recordingMarker}<script>${script}</script></body>
</html>
`;
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writePage();
