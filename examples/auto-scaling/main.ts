import { createWaveFleet, runWave } from './waves.ts';

await using fleet = createWaveFleet();
fleet.on('workers.scaled', ({ from, to, reason }) => console.log(`  ${from} -> ${to} workers (${reason})`));
await fleet.start();

for (const size of [20, 600, 40]) {
  console.log(`A wave of ${size} tasks`);
  const completed = await runWave(fleet, size, 20);
  console.log(`  ${completed} completed, ${(await fleet.getStats()).workerCount} workers`);
}

console.log('Calm');
const calm = fleet.events({ types: ['workers.scaled'] });
for await (const fact of calm) if (fact.type === 'workers.scaled' && fact.to === 2) break;
