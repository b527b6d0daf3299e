import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { FleetManager, type BatchStatus } from 'xstate-fleet';
import { sqliteStore } from 'xstate-fleet/sqlite';
import { describe, expect, it } from 'vitest';
import { agent, createApp, type AgentFleet } from './app.ts';

describe('the app', () => {
  it('answers a request with what its task returned', async () => {
    await using running = await startApp();
    const response = await running.post('/run', { text: 'a fleet of workers' });

    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ answer: 'workers of fleet a' });
  });

  it('takes a batch, tells how far it is, and gives its results', async () => {
    await using running = await startApp();
    const accepted = await running.post('/batches', [{ text: 'one two' }, { text: 'three four' }]);
    expect(accepted.status).toBe(202);
    const location = accepted.headers.get('location')!;
    await running.fleet.waitForBatch(location.split('/')[2]!);

    expect(await running.get(location)).toMatchObject({ status: 'completed', progress: 1 });
    expect(await running.get(`${location}/results`)).toHaveLength(2);
  });

  it.for([
    ['an unknown batch', '/batches/none', undefined, 404],
    ['a body that is no JSON', '/run', '{', 400],
    ['a question without a text', '/run', '{}', 400],
    ['a batch with a bad question', '/batches', '[{"text":"a"},7]', 400]
  ] as const)('answers %s with a status of its own', async ([_, path, body, status]) => {
    await using running = await startApp();
    const response = await running.request(path, body);
    expect(response.status).toBe(status);
  });

  it('refuses work once its fleet has stopped', async () => {
    await using running = await startApp();
    await running.fleet.stop();
    expect((await running.post('/run', { text: 'too late' })).status).toBe(503);
  });
});

describe('the app as a program', () => {
  it('finishes what runs on SIGTERM, and keeps what waits for its next start', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'http-app-'));
    const store = join(folder, 'app.db');
    const program = fileURLToPath(new URL('./main.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', program], {
      env: { ...process.env, STORE: store, PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit']
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const first = (await lines.next()).value as string;
    const questions = Array.from({ length: 40 }, () => ({ text: 'word '.repeat(50).trim() }));
    const response = await fetch(`${first.replace('Listening on ', '')}/batches`, {
      method: 'POST',
      body: JSON.stringify(questions)
    });
    const { id } = (await response.json()) as { id: string };
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number | null];

    expect(code).toBe(0);
    await using fleet: AgentFleet = new FleetManager({
      name: 'http-app',
      store: sqliteStore(store),
      handlers: { agent }
    });
    await fleet.start();
    const left: BatchStatus = await fleet.getBatchStatus(id);
    expect(left.runningTasks + left.completedTasks).toBeLessThan(40);
    expect(await fleet.waitForBatch(id)).toMatchObject({ status: 'completed', completedTasks: 40 });
    const attempts = (await fleet.getBatchResults(id)).map((result) => result.attempts);
    expect(new Set(attempts)).toEqual(new Set([1]));
    await fleet.stop();
    await rm(folder, { recursive: true });
  });
});

async function startApp() {
  const fleet: AgentFleet = new FleetManager({ handlers: { agent } });
  await fleet.start();
  const app = createApp(fleet);
  const request = async (path: string, body?: string): Promise<Response> =>
    app.request(path, body === undefined ? {} : { method: 'POST', body });
  return {
    fleet,
    request,
    post: (path: string, body: unknown) => request(path, JSON.stringify(body)),
    get: async (path: string): Promise<unknown> => (await request(path)).json(),
    [Symbol.asyncDispose]: () => fleet.stop()
  };
}
