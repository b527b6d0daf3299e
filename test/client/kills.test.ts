import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { compiledModule } from '../../reliability/compiled.ts';
import { connectFleet } from '../../src/index.ts';
import { removePaths, temporaryPath } from '../stores/directory.ts';

afterAll(removePaths);

const tasks = 3_000;

/** A process of one of the programs beside this file. */
function start(program: string, args: readonly string[]) {
  const module = compiledModule(new URL(program, import.meta.url));
  const child = spawn(process.execPath, [module, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return {
    async printed(text: string): Promise<void> {
      await expect.poll(() => output, { timeout: 30_000 }).toContain(text);
    },
    async end(): Promise<string> {
      await ended;
      return output;
    },
    async kill(): Promise<void> {
      child.kill('SIGKILL');
      await ended;
    }
  };
}

test('a client and two owners are killed in the midst of a stream: nothing is lost, and nothing is there twice', async () => {
  const path = temporaryPath();
  const first = start('managerProcess.ts', [path]);
  await first.printed('running');
  const second = start('managerProcess.ts', [path]);
  await second.printed('standby');
  await using observer = await connectFleet(path, { name: 'f' });
  const totalTasks = async (): Promise<number> =>
    (await observer.getBatchStatus('b').catch(() => null))?.totalTasks ?? 0;
  const hasTasks = async (count: number): Promise<void> => {
    await expect.poll(totalTasks, { interval: 5, timeout: 60_000 }).toBeGreaterThanOrEqual(count);
  };

  const cutOff = start('clientProcess.ts', [path, String(tasks)]);
  await hasTasks(1);
  await cutOff.kill();
  expect((await observer.getBatchStatus('b')).status).toBe('accepting');

  const again = start('clientProcess.ts', [path, String(tasks)]);
  await hasTasks(tasks / 3);
  await first.kill();
  await second.printed('running');
  const third = start('managerProcess.ts', [path]);
  await third.printed('standby');
  await hasTasks((2 * tasks) / 3);
  await second.kill();
  await third.printed('running');

  expect(JSON.parse(await again.end())).toEqual({
    status: 'completed',
    totalTasks: tasks,
    completedTasks: tasks
  });
  const results: unknown[] = [];
  for await (const { key, result } of observer.streamBatchResults('b')) results.push([key, result]);
  expect(new Map(results as [string, number][])).toEqual(
    new Map(Array.from({ length: tasks }, (_, n) => [`b/t${n}`, 2 * n]))
  );
  expect(results).toHaveLength(tasks);
  expect((await observer.getStatus()).stats).toMatchObject({ totalTasks: tasks, totalBatches: 1 });
});
