import { readdirSync, readFileSync } from 'node:fs';
import { assert, beforeAll, describe, expect, it } from 'vitest';
import { drawAll, embedCharts, machines } from '../../visualizations/charts.ts';
import { textFont } from '../../src/visualize/stateText.ts';
import { readSvg } from './drawnChart.ts';

const directory = new URL('../../visualizations/', import.meta.url);
const remedy = 'The machines have changed. Run `npm run visualize` and commit what it writes.';
const names = [...machines.keys()];

/** How wide a page shows a picture at most, px, and the smallest text that is readable, px. */
const pageWidth = 830;
const smallestText = 9;

// Another process has drawn what is committed, so this is also about drawings being the same everywhere.
describe('the committed drawings', () => {
  let files: ReadonlyMap<string, string>;
  beforeAll(async () => {
    files = await drawAll();
  });

  it.each(names.flatMap((name) => ['svg', 'mmd', 'stately.json'].map((suffix) => `${name}.${suffix}`)))(
    'visualizations/%s shows the machine as it is now',
    (file) => {
      assert.equal(readFileSync(new URL(file, directory), 'utf8'), files.get(file), remedy);
    }
  );

  it('are of machines that still exist', () => {
    const drawn = readdirSync(directory).filter(
      (file) => /\.(mmd|svg|json)$/.test(file) && file !== 'overview.svg'
    );
    expect(drawn.sort()).toEqual([...files.keys()].sort());
  });

  it('stand in machines/README.md, a picture and a block for each machine', () => {
    const readme = readFileSync(new URL('../machines/README.md', directory), 'utf8');
    const embedded = Array.from(readme.matchAll(/<!-- (\w+)\.mmd -->\n```mermaid\n/g), ([, name]) => name!);
    const pictures = Array.from(
      readme.matchAll(/\]\(\.\.\/visualizations\/(\w+)\.svg\)/g),
      ([, name]) => name!
    );
    expect(embedded.sort()).toEqual([...names].sort());
    expect(pictures.sort()).toEqual([...names].sort());
    assert.equal(readme, embedCharts(readme, files), remedy);
  });

  it.each(names)('%s is readable at the width of a page', (name) => {
    const { sheet } = readSvg(readFileSync(new URL(`${name}.svg`, directory), 'utf8'));
    expect((textFont.size * pageWidth) / Math.max(pageWidth, sheet.width)).toBeGreaterThanOrEqual(
      smallestText
    );
  });
});
