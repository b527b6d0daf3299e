import { readFileSync, writeFileSync } from 'node:fs';
import { drawAll, embedCharts, machines } from './charts.ts';

const readme = new URL('../machines/README.md', import.meta.url);
const files = await drawAll();

for (const [name, content] of files) writeFileSync(new URL(name, import.meta.url), content);
writeFileSync(readme, embedCharts(readFileSync(readme, 'utf8'), files));
console.log(`Drew ${machines.size} machines: visualizations/*.{svg,mmd,stately.json} and machines/README.md`);
