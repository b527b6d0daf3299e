import { describe, expect, it } from 'vitest';
import type { Subscription } from 'xstate';
import { ListenError, NotRunningError, ValidationError } from '../../src/index.ts';
import { gate, startFleet } from '../harness.ts';
import { routeOf } from '../../src/page/live/routes.ts';
import { Events, request, servedFleet, token } from './pages.ts';

describe('a served fleet', () => {
  it('has the page and its files at fixed paths', async () => {
    const { get } = await servedFleet({ handlers: {} });
    const [page, script, style] = await Promise.all(['/', '/page.js', '/page.css'].map((path) => get(path)));
    expect([page!.text, script!.text, style!.text]).toEqual(['<!doctype html>', 'page();', 'body {}']);
    expect(script!.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
  });

  it('lists batches, tasks and results, a task with its snapshot', async () => {
    const { fleet, get } = await servedFleet({
      handlers: {
        echo: (data: number) => data,
        fail: (): never => {
          throw new Error('broken');
        }
      },
      config: { maxRetries: 0 }
    });
    await fleet.submitBatch(
      [
        { type: 'echo', id: '1', data: 1 },
        { type: 'fail', id: '2', data: null }
      ],
      { batchId: 'b' }
    );
    await fleet.waitForBatch('b');
    expect((await get('/api/batches')).json).toEqual([
      expect.objectContaining({ id: 'b', status: 'partial', totalTasks: 2 })
    ]);
    expect((await get('/api/tasks?batchId=b&status=failed')).json).toEqual([
      expect.objectContaining({ type: 'fail', status: 'failed', error: 'broken' })
    ]);
    expect((await get('/api/results?batchId=b&success=true')).json).toEqual([
      expect.objectContaining({ type: 'echo', success: true })
    ]);
    const [task] = await fleet.listTasks({ batchId: 'b', type: 'fail' });
    const { json } = await get(`/api/tasks/${encodeURIComponent(task!.key)}`);
    expect(json).toMatchObject({ view: { key: task!.key }, snapshot: { value: 'failed', status: 'done' } });
    expect(JSON.stringify(json)).not.toContain('stack');
  });

  it('gives lists in pages, whatever their slices', async () => {
    const { fleet, get } = await servedFleet({ handlers: { echo: (data: number) => data } });
    await fleet.submitBatch(
      Array.from({ length: 130 }, (_, index) => ({ type: 'echo' as const, id: `t${index}`, data: index })),
      { batchId: 'b' }
    );
    await fleet.waitForBatch('b');
    const ids = async (path: string, field: string) =>
      ((await get(path)).json as unknown as Record<string, unknown>[]).map((row) => row[field]);
    expect(await ids('/api/tasks?limit=120', 'id')).toEqual(Array.from({ length: 120 }, (_, i) => `t${i}`));
    const [after] = await ids('/api/tasks?limit=1', 'seq');
    expect((await ids(`/api/tasks?limit=2&after=${after as number}`, 'id'))[0]).toBe('t1');
    expect(await ids('/api/results?batchId=b&limit=1000', 'settledSeq')).toHaveLength(130);
    expect(await ids('/api/results?batchId=b&limit=60&offset=100', 'settledSeq')).toHaveLength(30);
  });

  it('carries out what its buttons ask for', async () => {
    const { promise, open } = gate();
    const { fleet, post } = await servedFleet({
      handlers: {
        fail: (): never => {
          throw new Error('broken');
        },
        wait: () => promise
      },
      config: { maxRetries: 0 }
    });
    await fleet.submitBatch([{ type: 'fail', id: 'a', data: null }], { batchId: 'b' });
    await fleet.waitForBatch('b');

    const { json: retried } = await post('/api/tasks/b%2Fa/retry');
    expect(retried).toEqual({ ok: true, key: expect.any(String) as string });
    expect((await fleet.getTask(retried!.key as string)).retryOf).toBe('b/a');
    const { json: again } = await post('/api/batches/b/retry');
    expect((await fleet.waitForBatch(again!.batchId as string)).failedTasks).toBe(1);

    await fleet.submitBatch([{ type: 'wait', id: 'a', data: null }], { batchId: 'w' });
    expect((await post('/api/batches/w/pause')).json).toEqual({ ok: true });
    expect((await fleet.getBatchStatus('w')).status).toBe('paused');
    expect((await post('/api/batches/w/resume')).json).toEqual({ ok: true });
    expect((await post('/api/tasks/w%2Fa/cancel')).json).toEqual({ ok: true, cancelled: true });
    expect((await post('/api/batches/b/cancel')).json).toEqual({ ok: true, cancelled: false });
    open();

    expect((await post('/api/fleet/pause')).json).toEqual({ ok: true });
    expect(fleet.actor.getSnapshot().value.operation).toBe('paused');
    await post('/api/fleet/resume');
    expect(fleet.actor.getSnapshot().value.operation).toBe('running');
    expect((await post('/api/workers/scale', { count: 3 })).json).toEqual({ ok: true });
    expect(fleet.config.maxConcurrentWorkers).toBe(3);
  });

  it.each(['.', '..', '-', '%2e%2e', '__proto__', 'constructor', 'a?id=b', 'e\u0301', '\u00e9', '#', ' x'])(
    'names what has the id %j',
    async (id) => {
      const { fleet, get, post } = await servedFleet({ handlers: { echo: (data: number) => data } });
      await fleet.pause();
      await fleet.submitBatch([{ type: 'echo', id: 'a', data: 1 }], { batchId: id });
      await fleet.submitAsync('echo', 1, { id });
      expect((await post(routeOf('batches', id, 'pause'))).json).toEqual({ ok: true });
      expect((await fleet.getBatchStatus(id)).status).toBe('paused');
      expect((await get(routeOf('tasks', id))).json).toMatchObject({ view: { key: id } });
      expect((await post(routeOf('tasks', id, 'cancel'))).json).toEqual({ ok: true, cancelled: true });
      expect((await fleet.getTask(id)).status).toBe('cancelled');
      expect((await get(routeOf('tasks', `${id}/a`))).json).toMatchObject({ view: { key: `${id}/a` } });
    }
  );

  it.each([
    ['/api/tasks/nope/retry', {}, 404, 'ERR_NOT_FOUND'],
    ['/api/batches/nope/pause', {}, 404, 'ERR_NOT_FOUND'],
    ['/api/batches/nope/retry', {}, 404, 'ERR_NOT_FOUND'],
    ['/api/workers/scale', {}, 400, 'ERR_VALIDATION'],
    ['/api/workers/scale', { count: 1e9 }, 400, 'ERR_VALIDATION'],
    ['/api/workers/scale', [], 400, 'ERR_VALIDATION']
  ])('answers %s of %j with %i %s', async (path, body, status, code) => {
    const { post } = await servedFleet({ handlers: {} });
    const answer = await post(path, body);
    expect([answer.status, answer.json]).toEqual([
      status,
      { error: { code, message: expect.any(String) as string } }
    ]);
  });

  it('tells its readers of its stop, and is reached no more', async () => {
    const { fleet, page } = await servedFleet({ handlers: {} });
    const events = await Events.open(page);
    await events.nextFrame();
    await fleet.stop();
    const rest: (string | null)[] = [];
    for (let event = await events.next(); event !== null; event = await events.next()) rest.push(event);
    expect(rest.at(-1)).toBe('event: end\ndata: {}');
    await expect(request(page, '/')).rejects.toThrow('fetch failed');
  });

  it('ends with its actor, also where somebody else stops that', async () => {
    const { fleet, page } = await servedFleet({ handlers: {} });
    const events = await Events.open(page);
    fleet.actor.stop();
    let last: string | null = null;
    for (let event = await events.next(); event !== null; event = await events.next()) last = event;
    expect(last).toBe('event: end\ndata: {}');
    await expect(request(page, '/')).rejects.toThrow('fetch failed');
  });

  it('is served anew after a restart', async () => {
    const { fleet } = await servedFleet({ handlers: {} });
    await fleet.stop();
    await fleet.start();
    await using page = await fleet.serve({ token });
    const events = await Events.open(page);
    expect((await events.nextFrame()).active.fleet).toContain('operation.running');
  });

  it('shows in the last frame how it ended', async () => {
    const { fleet, page } = await servedFleet({ handlers: {} });
    const events = await Events.open(page);
    const frames: string[] = [];
    await fleet.stop();
    for (let event = await events.next(); event !== null; event = await events.next()) frames.push(event);
    expect(frames.at(-2)).toContain('"operation.stopped"');
  });

  it('closes one page and keeps the other', async () => {
    const { fleet, page, get } = await servedFleet({ handlers: {} });
    const other = await fleet.serve({ token });
    await Promise.all([other.close(), other.close()]);
    await expect(request(other, '/')).rejects.toThrow('fetch failed');
    expect((await get('/')).status).toBe(200);
    expect(page.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
  });

  it('has to run', async () => {
    const { fleet } = await startFleet({ handlers: {} });
    await fleet.stop();
    await expect(fleet.serve()).rejects.toThrow(NotRunningError);
  });

  it('says that the port is taken', async () => {
    const { fleet, page } = await servedFleet({ handlers: {} });
    const port = Number(new URL(page.url).port);
    const refused = fleet.serve({ port });
    await expect(refused).rejects.toThrow(ListenError);
    await expect(refused).rejects.toThrow(`port ${port} of 127.0.0.1: it is taken`);
    await expect(refused).rejects.toMatchObject({ code: 'ERR_LISTEN', port, host: '127.0.0.1' });
  });

  it('says that the host is not this machine', async () => {
    const { fleet } = await servedFleet({ handlers: {} });
    await expect(fleet.serve({ host: '192.0.2.1', token })).rejects.toThrow(ListenError);
  });

  it('that stops while its page is opened leaves none that listens', async () => {
    const { fleet } = await startFleet({ handlers: {} });
    const [opened] = await Promise.allSettled([fleet.serve({ token }), fleet.stop()]);
    const reached =
      opened.status === 'fulfilled' ? request(opened.value, '/') : Promise.reject(opened.reason as Error);
    await expect(reached).rejects.toThrow(/^fetch failed$|does not take serve/);
  });

  it('forgets a page that was closed', async () => {
    const { fleet } = await servedFleet({ handlers: {} });
    const listeners = new Set<unknown>();
    const subscribe = fleet.actor.subscribe.bind(fleet.actor) as (observer: object) => Subscription;
    fleet.actor.subscribe = ((observer: object) => {
      const subscription = subscribe(observer);
      listeners.add(observer);
      return { unsubscribe: () => (listeners.delete(observer), subscription.unsubscribe()) };
    }) as typeof fleet.actor.subscribe;
    for (let times = 0; times < 3; times++) await (await fleet.serve({ token })).close();
    expect(listeners.size).toBe(0);
  });

  it.each([
    [{ port: 65_536 }],
    [{ port: '80' as unknown as number }],
    [{ host: 'a b' }],
    [{ token: 'short' }],
    [{ token: 'with a blank in it' }],
    [{ allowedHosts: ['a:80'] }],
    [{ allowedOrigins: ['*'] }],
    [{ allowedOrigins: ['https://a.example/path'] }],
    [{ redact: true as unknown as () => unknown }],
    [{ prot: 1 } as object]
  ])('refuses the options %j', async (options) => {
    const { fleet } = await servedFleet({ handlers: {} });
    await expect(fleet.serve(options)).rejects.toThrow(ValidationError);
  });
});
