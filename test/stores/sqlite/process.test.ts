import { describe, expect, it } from 'vitest';
import { sqliteReader } from '../../../src/stores/sqlite.ts';
import { temporaryPath } from '../directory.ts';
import { runProcess } from './process.ts';

describe('a process with an open store', () => {
  it.each<[does: string, then: string, code: number, turns: number[], output: string]>([
    ['ends by itself when it has nothing else to do', 'do nothing', 0, [1], 'committed\n'],
    ['does not end while a call is under way', 'commit', 0, [2], 'committed\n'],
    ['can exit in the middle of a call', 'exit in a commit', 3, [1, 2], 'committed\n'],
    ['has no handle left when it closed the store', 'close', 0, [1], 'committed\nopen: \n']
  ])('%s', async (_, then, code, turns, output) => {
    const path = temporaryPath();

    expect(await runProcess(path, then)).toEqual({ code, output, errors: '' });

    const reader = sqliteReader(path);
    expect(turns).toContain((await reader.readHead('fleet-1'))?.turn);
    await reader.close();
  });
});
