import { readdirSync, readFileSync } from 'node:fs';
import { assert, describe, expect, it } from 'vitest';
import { taskStatuses } from '../../machines/task.ts';
import { chartOf, embedCharts, machines } from '../../visualizations/charts.ts';

const directory = new URL('../../visualizations/', import.meta.url);
const remedy = 'The machines have changed. Run `npm run visualize` and commit what it writes.';
const charts = new Map(Object.entries(machines).map(([name, machine]) => [name, chartOf(name, machine)]));

describe('the committed drawings', () => {
  it.each([...charts])('visualizations/%s.mmd shows the machine as it is now', (name, chart) => {
    assert.equal(readFileSync(new URL(`${name}.mmd`, directory), 'utf8'), chart, remedy);
  });

  it('are of machines that still exist', () => {
    const drawn = readdirSync(directory).filter((file) => file.endsWith('.mmd'));
    expect(drawn.sort()).toEqual(Array.from(charts.keys(), (name) => `${name}.mmd`).sort());
  });

  it('stand in machines/README.md, one block for each machine', () => {
    const readme = readFileSync(new URL('../machines/README.md', directory), 'utf8');
    const embedded = Array.from(readme.matchAll(/<!-- (\w+)\.mmd -->\n```mermaid\n/g), ([, name]) => name!);
    expect(embedded.sort()).toEqual([...charts.keys()].sort());
    assert.equal(readme, embedCharts(readme, charts), remedy);
  });
});

it('the overview names every state of a task', () => {
  const overview = readFileSync(new URL('overview.svg', directory), 'utf8');
  expect(taskStatuses.filter((status) => !overview.includes(`>${status}</text>`))).toEqual([]);
});
