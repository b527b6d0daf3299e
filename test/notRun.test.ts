import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

it('the last lines of a run say which tests did not run, and why', () => {
  expect(lastLinesOf()).toEqual([
    ' 5 tests did not run:',
    ' Redis cannot be had: it is not installed',
    '   1 × some.test.js > a queue',
    '   1 × some.test.js > is alone',
    ' there is no browser',
    '   2 × some.test.js > a page',
    ' no reason is given',
    '   1 × some.test.js > is not there yet'
  ]);
});

it('the last lines of a run by name say nothing of what was not asked for', () => {
  expect(lastLinesOf('-t', 'runs|a page')).toEqual([
    ' 2 tests did not run:',
    ' there is no browser',
    '   2 × some.test.js > a page'
  ]);
});

it('the last lines of a run say nothing where all tests ran that were asked for', () => {
  expect(lastLinesOf('-t', 'runs').join('\n')).not.toContain('did not run');
});

const tests = `
import { describe, expect, it } from 'vitest';
const needing = (missing) => ({ skip: true, meta: { missing } });
const noRedis = 'Redis cannot be had: it is not installed';
it('runs', () => {});
describe('a queue', () => { it('asks', ({ skip }) => skip(noRedis)); });
it('is alone', ({ skip }) => skip(noRedis));
describe('a page', needing('there is no browser'), () => { it('one', () => {}); it('two', () => {}); });
it.skip('is not there yet', () => {});
`;

/** Of a run of its own, from the one on that says that tests did not run. */
function lastLinesOf(...args: readonly string[]): readonly string[] {
  // Within the tree, so that the tests find vitest.
  const cache = join(root, 'node_modules/.cache/xstate-fleet');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'not-run-'));
  try {
    writeFileSync(join(folder, 'some.test.js'), tests);
    writeFileSync(join(folder, 'vitest.config.js'), 'export default {};');
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const reporters = ['--reporter', 'default', '--reporter', join(root, 'test/notRun.ts')];
    const run = spawnSync(process.execPath, [vitest, 'run', '--root', folder, ...reporters, ...args], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], NO_COLOR: '1' }
    });
    expect([run.status, run.stderr]).toEqual([0, '']);
    const lines = run.stdout.split('\n').filter((line) => line !== '');
    const first = lines.findIndex((line) => line.includes('did not run'));
    return lines.slice(first === -1 ? -3 : first);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
