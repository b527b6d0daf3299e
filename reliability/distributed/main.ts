import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readInteger, readOptions } from '../options.ts';
import { runCampaign } from './campaign.ts';
import { tableOf } from './table.ts';
import { topologies } from './topologies.ts';

interface Options {
  readonly only?: string;
  readonly where?: string;
  readonly tasks: number;
  readonly lanes: number;
  readonly log?: string;
  readonly write?: true;
}

const { amount, seed, only, where, tasks, lanes, log, write } = readOptions<Options>(
  'chaos:distributed',
  'cycles',
  50,
  (command) =>
    command
      .option('--only <text>', 'one row, such as G2, or faults whose name has the text')
      .option('--where <name>', `one topology of: ${topologies.map(({ name }) => name).join(', ')}`)
      .option('--tasks <number>', 'tasks of a cycle', readInteger, 30)
      .option('--lanes <number>', 'cycles at once', readInteger, 2)
      .option('--log <file>', 'write each cycle into it; what it has is not run again')
      .option('--write', 'write the table into reliability/distributed/results.md')
);
const startedAt = performance.now();
const interruption = new AbortController();
// Once: a second signal ends it as it would any process, and leaves its servers.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interruption.abort();
    process.stderr.write('Interrupted: ending the cycles that run …\n');
  });
}

const cycles = await runCampaign({
  cycles: amount,
  seed,
  tasks,
  lanes,
  only: only ?? null,
  ...(where !== undefined && { where: topologies.filter(({ name }) => name === where) }),
  logPath: log ?? null,
  signal: interruption.signal,
  onCycle: ({ cycle, seed, where: place, fault, problems, skipped }, done) => {
    const found = problems.map(({ count, text }) => `  ${count}: ${text}\n`).join('');
    process.stderr.write(
      `${done}/${amount} · cycle ${cycle}, seed ${seed}, ${place}: ${skipped ?? fault}\n${found}`
    );
  }
});

const table = tableOf(cycles);
const seconds = Math.round((performance.now() - startedAt) / 1_000);
const chosen = [only && ` --only "${only}"`, where && ` --where "${where}"`].filter(Boolean).join('');
const how = `npm run chaos:distributed -- --cycles ${amount} --seed ${seed} --tasks ${tasks}${chosen}`;
console.log(`${table}\n\n${cycles.length} cycles in ${seconds} s`);
if (write) {
  const path = fileURLToPath(new URL('results.md', import.meta.url));
  writeFileSync(path, `# Distributed\n\nNode ${process.versions.node}, by \`${how}\`.\n\n${table}\n`);
}
process.exitCode = cycles.some(({ problems }) => problems.length > 0) ? 1 : 0;
