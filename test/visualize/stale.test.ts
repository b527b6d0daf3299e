import { readdirSync, readFileSync } from 'node:fs';
import { assert, beforeAll, describe, expect, it } from 'vitest';
import { taskStatuses } from '../../machines/task.ts';
import { describeMachine, withDescendants } from '../../src/visualize/chart.ts';
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

describe('the overview', () => {
  const overview = readFileSync(new URL('overview.svg', directory), 'utf8');
  const drawn = new Set(
    Array.from(overview.matchAll(/<text class="code mid"[^>]*>(\w+)</g), ([, name]) => name!)
  );
  const arrows = Array.from(
    overview.matchAll(/data-machine="(\w+)" data-source="([\w.]+)" data-target="([\w.]+)"/g),
    ([, machine, source, target]) => [machine!, source!, target!] as const
  );

  it('names every state of a task', () => {
    expect(taskStatuses.filter((status) => !drawn.has(status))).toEqual([]);
  });

  it('says of each arrow between states which states they are', () => {
    const [between] = /<!-- What goes between them -->[^]*?<!-- The coordinator -->/.exec(overview)!;
    const states = overview.replace(between, '');
    expect(arrows.length).toBe(states.match(/<path class="path"/g)!.length);
  });

  it.each(arrows)(
    'is true: a %s may come from %s to %s, past states at most that are left out',
    (id, source, target) => {
      const machine = [...machines.values()].find((each) => each.id === id)!;
      const transitions = withDescendants(describeMachine(machine).root).flatMap(
        (state) => state.transitions
      );
      const reached = new Set<string>();
      const entered = [source];
      for (const from of entered) {
        for (const to of transitions.flatMap((each) => (each.source === from ? each.targets : []))) {
          if (!reached.has(to) && !drawn.has(to.slice(to.lastIndexOf('.') + 1))) entered.push(to);
          reached.add(to);
        }
      }
      expect([...reached]).toContain(target);
    }
  );
});
