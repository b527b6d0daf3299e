import { readFileSync, writeFileSync } from 'node:fs';
import { chartOf, embedCharts, machines } from './charts.ts';

const readme = new URL('../machines/README.md', import.meta.url);
const charts = new Map(Object.entries(machines).map(([name, machine]) => [name, chartOf(name, machine)]));

for (const [name, chart] of charts) writeFileSync(new URL(`${name}.mmd`, import.meta.url), chart);
writeFileSync(readme, embedCharts(readFileSync(readme, 'utf8'), charts));
console.log(`Drew ${charts.size} machines: visualizations/*.mmd and machines/README.md`);
