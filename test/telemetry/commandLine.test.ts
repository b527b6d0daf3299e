import { describe, expect, it } from 'vitest';
import { Folder, numberedTasks } from '../cli/command.ts';
import { parseMetrics } from './prometheusText.ts';

const waiting = `import { existsSync } from 'node:fs';
export async function wait({ n }) {
  while (!existsSync('go')) await new Promise((resolve) => setTimeout(resolve, 10));
  return n;
}
`;

describe('run --metrics', () => {
  it('serves metrics and probes while the run lasts, and says where', async () => {
    const folder = new Folder();
    folder.write('h.mjs', waiting);
    folder.write('tasks.jsonl', numberedTasks(3));
    const options = ['--handlers', 'h.mjs', '--workers', '2', '--metrics', '127.0.0.1:0'];
    const command = folder.start(['run', 'tasks.jsonl', ...options]);
    const url = (await command.printed(/(?<=Metrics: )http:\S+/)).trim();
    const read = async () => parseMetrics(await (await fetch(url)).text());
    const running = async () => (await read()).sum('xstate_fleet_tasks', { state: 'running' });
    await expect.poll(running, { timeout: 60_000 }).toBe(2);
    expect((await read()).sum('xstate_fleet_queue_depth', { type: 'wait' })).toBe(1);
    expect((await fetch(new URL('/readyz', url))).status).toBe(200);
    expect((await fetch(new URL('/healthz', url))).status).toBe(200);
    folder.write('go', '');
    expect((await command.exit).code).toBe(0);
    await expect(fetch(url)).rejects.toThrow('fetch failed');
  });

  it('refuses an address that is none', async () => {
    const folder = new Folder();
    folder.write('h.mjs', waiting);
    folder.write('tasks.jsonl', numberedTasks(1));
    const options = ['--handlers', 'h.mjs', '--metrics', 'here'];
    const { code, stderr } = await folder.run(['run', 'tasks.jsonl', ...options]);
    expect([code, stderr]).toEqual([2, expect.stringContaining('0.0.0.0:9464') as string]);
  });
});
