import { formatCounts } from '../counts.ts';
import { readOptions } from '../options.ts';
import { isKept, runChaos } from './chaos.ts';
import type { CrashPoint } from './crashPoints.ts';

const { amount: cycles, seed } = readOptions('chaos', 'cycles', 200);
const startedAt = performance.now();

let told = 0;
const report = await runChaos({
  cycles,
  seed,
  onProgress: ({ cycles: done, stores, counts, wrong, stories }) => {
    for (; told < stories.length; told++) console.log(`${stories[told]}\n`);
    process.stderr.write(
      `${done}/${cycles} cycles · ${stores} stores · ${formatCounts(counts)} · wrong ${wrong}\n`
    );
  }
});

for (const [name, dealt] of report.dealt) {
  const hits = report.hits.get(name as CrashPoint);
  console.log(`${String(hits ?? dealt).padStart(6)} ${name}${hits === undefined ? '' : ` (of ${dealt})`}`);
}
const seconds = Math.round((performance.now() - startedAt) / 1_000);
console.log(
  `chaos · ${report.cycles} cycles in ${seconds} s · ${formatCounts(report.counts)} · wrong ${report.wrong} · seed ${seed}`
);
process.exitCode = isKept(report) ? 0 : 1;
