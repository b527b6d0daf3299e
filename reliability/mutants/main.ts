// Applies small faults to a copy of the sources, one at a time, and sees whether a test notices.
import { Command } from 'commander';
import { readInteger } from '../options.ts';
import { CopiedTree, type Verdict } from './copiedTree.ts';
import { mutants } from './mutants.ts';

const { only, from, count, lanes, near } = new Command('mutants')
  .option('--only <text>', 'those whose name or file contains this', '')
  .option('--from <number>', 'of those, from this one on', readInteger, 1)
  .option('--count <number>', 'of those, so many at most', readInteger, mutants.length)
  .option('--lanes <number>', 'how many are tried at a time', readInteger, 2)
  .option('--near', 'ask the tests that a mutant names and no others: minutes instead of hours', false)
  .parse()
  .opts<{ only: string; from: number; count: number; lanes: number; near: boolean }>();

const waiting = mutants
  .filter(({ name, file }) => name.includes(only) || file.includes(only))
  .slice(from - 1, from - 1 + count);
const chosen = waiting.length;

const control = await CopiedTree.create(!near);
await control.requireSound(waiting);
await control.remove();
console.log(`${near ? 'The tests that they name' : 'All tests'} pass without a mutant`);

const verdicts: Verdict[] = [];
await Promise.all(Array.from({ length: lanes }, tryAll));

const survivors = verdicts.filter(({ caughtBy }) => caughtBy === null);
console.log(`\n${chosen} mutants, ${chosen - survivors.length} caught, ${survivors.length} survived`);
for (const { mutant } of survivors) console.log(`survived: ${mutant.name} (${mutant.file})`);
process.exitCode = survivors.length === 0 ? 0 : 1;

async function tryAll(): Promise<void> {
  const tree = await CopiedTree.create(!near);
  for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
    const verdict = await tree.judge(mutant);
    verdicts.push(verdict);
    const { caughtBy, seconds } = verdict;
    console.log(`${verdicts.length}/${chosen} ${mutant.name} (${seconds.toFixed(0)} s)`);
    console.log(caughtBy === null ? '    SURVIVED' : `    caught by: ${caughtBy}`);
  }
  await tree.remove();
}
