import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ValidationError } from '../../src/index.ts';
import { startFleet } from '../harness.ts';
import { Events, request, servedFleet, token } from './pages.ts';

const json = { 'content-type': 'application/json' };
const pause = '/api/fleet/pause';

describe('E1: who has the token', () => {
  it.each([
    ['none', {}],
    ['a wrong one', { authorization: 'Bearer wrong' }],
    ['an empty one', { authorization: 'Bearer ' }],
    ['another scheme', { authorization: `Basic ${token}` }],
    ['a longer one', { authorization: `Bearer ${token}x` }],
    ['a shorter one', { authorization: `Bearer ${token.slice(0, -1)}` }],
    ['the token as a cookie', { cookie: `fleet-session=${token}` }],
    ['a session that never was', { cookie: 'fleet-session-0=AAAA' }]
  ])('does nothing with %s', async (_, headers) => {
    const { fleet, page } = await servedFleet({ handlers: {} });
    const answer = await request(page, pause, { method: 'POST', headers: { ...json, ...headers } });
    expect([answer.status, answer.json]).toEqual([
      401,
      { error: { code: 'ERR_TOKEN', message: expect.any(String) as string } }
    ]);
    expect(fleet.actor.getSnapshot().value.operation).toBe('running');
  });

  it('never takes it from a URL', async () => {
    const { page } = await servedFleet({ handlers: {} });
    const url = `${pause}?token=${token}&authorization=Bearer%20${token}&access_token=${token}`;
    expect((await request(page, url, { method: 'POST', headers: json })).status).toBe(401);
    expect(page.url).not.toContain(token);
  });

  it('acts by the header, or by a cookie that is HttpOnly, SameSite=Strict, no token, and ends', async () => {
    const { clock, page, post } = await servedFleet({ handlers: {} });
    expect((await post(pause)).status).toBe(200);
    const { status, headers } = await post('/api/session', { token }, { authorization: '' });
    expect(status).toBe(200);
    const cookie = headers.get('set-cookie')!;
    expect(cookie).toMatch(
      /^fleet-session-\d+=[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/
    );
    expect(cookie).not.toContain(token);
    const withCookie = { headers: { ...json, cookie: cookie.split(';')[0]! }, method: 'POST' };
    expect((await request(page, pause, withCookie)).status).toBe(200);
    expect((await request(page, '/api/session', { headers: withCookie.headers })).json).toEqual({
      isAuthorized: true,
      protectsReads: false
    });
    await clock.advance(12 * 60 * 60 * 1_000);
    expect((await request(page, pause, withCookie)).status).toBe(401);
  });

  it('hears nothing of a session from a wrong token', async () => {
    const { post } = await servedFleet({ handlers: {} });
    for (const wrong of ['wrong', '', `${token} `]) {
      const answer = await post('/api/session', { token: wrong }, { authorization: '' });
      expect([answer.status, answer.headers.get('set-cookie')]).toEqual([401, null]);
    }
    expect((await post('/api/session', { token: 1 })).status).toBe(400);
  });

  it('waits a minute after ten wrong ones, and locks out nobody who has the right one', async () => {
    const { clock, post } = await servedFleet({ handlers: {} });
    const wrong = { authorization: 'Bearer wrong' };
    for (let tries = 0; tries < 10; tries++) expect((await post(pause, {}, wrong)).status).toBe(401);
    const limited = await post(pause, {}, wrong);
    expect(limited.status).toBe(429);
    expect(limited.headers.get('retry-after')).toBe('60');
    expect(limited.headers.get('connection')).toBe('close');
    expect((await post('/api/session', { token: 'wrong' }, { authorization: '' })).status).toBe(429);
    // From the same address.
    expect((await post(pause)).status).toBe(200);
    expect((await post('/api/session', { token }, { authorization: '' })).status).toBe(200);
    await clock.advance(60_000);
    expect((await post(pause, {}, wrong)).status).toBe(401);
  });

  it('reads without it on this machine, and with it where reads are protected', async () => {
    const open = await servedFleet({ handlers: {} });
    expect((await open.get('/api/tasks')).status).toBe(200);
    const closed = await servedFleet({ handlers: {} }, { protectReads: true });
    for (const path of ['/api/tasks', '/api/batches', '/api/events', '/api/results', '/api/tasks/x']) {
      expect((await closed.get(path)).status).toBe(401);
    }
    const bearer = { authorization: `Bearer ${token}` };
    expect((await closed.get('/api/tasks', bearer)).status).toBe(200);
    expect((await Events.open(closed.page, bearer)).status).toBe(200);
    expect((await closed.get('/')).status).toBe(200);
    expect((await closed.get('/api/session')).json).toEqual({ isAuthorized: false, protectsReads: true });
  });

  it('has one that nobody guesses where none is given', async () => {
    const { fleet } = await startFleet({ handlers: {} });
    await using page = await fleet.serve();
    await using other = await fleet.serve();
    expect(page.token).toMatch(/^[\w-]{43}$/);
    expect(page.token).not.toBe(other.token);
    await fleet.stop();
  });
});

describe('E2: where it listens', () => {
  it('is this machine alone', async () => {
    const { page } = await servedFleet({ handlers: {} });
    expect(new URL(page.url).hostname).toBe('127.0.0.1');
  });

  it.each(['0.0.0.0', '::', '192.0.2.1', 'example.com', '2001:db8::1'])(
    'is not %s without a token',
    async (host) => {
      const { fleet } = await startFleet({ handlers: {} });
      const refused = fleet.serve({ host });
      await expect(refused).rejects.toThrow(ValidationError);
      await expect(refused).rejects.toThrow('options.token');
      await fleet.stop();
    }
  );

  it('needs the token to read where others reach it', async () => {
    const { page } = await servedFleet({ handlers: {} }, { host: '0.0.0.0' });
    expect((await request(page, '/api/tasks')).status).toBe(401);
    const headers = { authorization: `Bearer ${token}` };
    expect((await request(page, '/api/tasks', { headers })).status).toBe(200);
  });
});

describe('E14: what is secret', () => {
  it('is in no answer, no frame, no error and no warning', async () => {
    const canary = 'c4n4ry';
    const said: string[] = [];
    const { fleet, page, get, post } = await servedFleet(
      {
        handlers: { keep: () => ({ canary }) },
        onListenerError: (error) => said.push(inspect(error)),
        logger: (...args) => said.push(inspect(args))
      },
      { token: `${canary}-${'x'.repeat(20)}` }
    );
    const write = (...[text]: Parameters<typeof process.stderr.write>): boolean => {
      said.push(String(text));
      return true;
    };
    const { stdout, stderr } = process;
    const [out, err] = [stdout.write.bind(stdout), stderr.write.bind(stderr)];
    stdout.write = stderr.write = write as typeof stderr.write;
    try {
      const events = await Events.open(page);
      said.push(JSON.stringify(await events.nextFrame()));
      await fleet.submitBatch([{ type: 'keep', id: '1', data: canary, metadata: canary }], {
        batchId: 'b',
        metadata: { canary }
      });
      await fleet.waitForBatch('b');
      const paths = [
        '/',
        '/api/batches',
        '/api/tasks',
        '/api/results?batchId=b',
        '/api/tasks/b%2F1',
        '/api/session'
      ];
      for (const path of [...paths, '/api/nope', '/api/tasks/nope']) said.push((await get(path)).text);
      said.push((await post('/api/fleet/pause', { canary })).text);
      said.push((await post('/api/session', { token: canary })).text);
      events.close();
    } finally {
      [stdout.write, stderr.write] = [out, err];
    }
    expect(said.length).toBeGreaterThan(10);
    expect(said.filter((text) => text.includes(canary))).toEqual([]);
    await expect(fleet.serve({ token: `${canary} ` })).rejects.not.toThrow(canary);
  });

  it('is left out where JSON cannot hold what is shown of it, or beyond eight million characters', async () => {
    const redact = (value: unknown): unknown => (value === 'big' ? 1n : value);
    const { fleet, get } = await servedFleet({ handlers: { keep: () => 'x'.repeat(900_000) } }, { redact });
    const tasks = Array.from({ length: 10 }, (_, n) => ({ type: 'keep' as const, id: `${n}`, data: 'big' }));
    await fleet.submitBatch(tasks as never, { batchId: 'b' });
    await fleet.waitForBatch('b');
    for (let times = 0; times < 2; times++) {
      const { status, json } = await get('/api/results?batchId=b');
      const results = json as unknown as { readonly result?: string }[];
      expect([status, results.length]).toEqual([200, 10]);
      expect(results.filter(({ result }) => result !== undefined)).toHaveLength(8);
    }
    const { view } = (await get('/api/tasks/b%2F1')).json as { view: object };
    expect(view).not.toHaveProperty('data');
  });

  it('is shown as the option says, and left out where that throws', async () => {
    const redact = (value: unknown): unknown => {
      if (value === 'secret') throw new Error('no');
      return value === 7 ? 'seven' : value;
    };
    const { fleet, get } = await servedFleet({ handlers: { keep: () => 7 } }, { redact });
    await fleet.submitBatch([{ type: 'keep', id: '1', data: 7, metadata: 'secret' }], { batchId: 'b' });
    await fleet.waitForBatch('b');
    const { view } = (await get('/api/tasks/b%2F1')).json as { view: object };
    expect(view).toMatchObject({ data: 'seven' });
    expect(view).not.toHaveProperty('metadata');
    expect((await get('/api/results?batchId=b')).json).toEqual([
      expect.objectContaining({ result: 'seven' })
    ]);
  });
});
