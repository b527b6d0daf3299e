// Applies small faults to a copy of the sources, one at a time, and sees whether a test notices.
import { Command } from 'commander';
import { CopiedTree, type Verdict } from './copiedTree.ts';
import { mutants } from './mutants.ts';

const { only, lanes } = new Command('mutants')
  .option('--only <text>', 'those whose name contains this', '')
  .option('--lanes <number>', 'how many are tried at a time', Number, 2)
  .parse()
  .opts<{ only: string; lanes: number }>();

const control = await CopiedTree.create();
await control.requireSound();
await control.remove();
console.log('All tests pass without a mutant');

const waiting = mutants.filter(({ name }) => name.includes(only));
const chosen = waiting.length;
const verdicts: Verdict[] = [];
await Promise.all(Array.from({ length: lanes }, tryAll));

const survivors = verdicts.filter(({ caughtBy }) => caughtBy === null);
console.log(`\n${chosen} mutants, ${chosen - survivors.length} caught, ${survivors.length} survived`);
for (const { mutant } of survivors) console.log(`survived: ${mutant.name} (${mutant.file})`);
process.exitCode = survivors.length === 0 ? 0 : 1;

async function tryAll(): Promise<void> {
  const tree = await CopiedTree.create();
  for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
    const verdict = await tree.judge(mutant);
    verdicts.push(verdict);
    const { caughtBy, seconds } = verdict;
    console.log(`${verdicts.length}/${chosen} ${mutant.name} (${seconds.toFixed(0)} s)`);
    console.log(caughtBy === null ? '    SURVIVED' : `    caught by: ${caughtBy}`);
  }
  await tree.remove();
}
