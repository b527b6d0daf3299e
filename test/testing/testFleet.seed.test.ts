import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { compiledModule } from '../../reliability/compiled.ts';
import { seededRun } from './seededRun.ts';

describe('a run of a test fleet', () => {
  it('is the same for the same seed, and another for another', async () => {
    const run = await seededRun(7);
    expect(run.length).toBeGreaterThan(100);
    expect(await seededRun(7)).toEqual(run);
    expect(await seededRun(8)).not.toEqual(run);
  });

  it('is the same in a fresh process', async () => {
    const main = compiledModule(new URL('seededRunMain.ts', import.meta.url));
    const { stdout, stderr } = spawnSync(process.execPath, [main, '7'], {
      encoding: 'utf8'
    });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual(JSON.parse(JSON.stringify(await seededRun(7))));
  });
});
