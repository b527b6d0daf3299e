import { describe, expect, it } from 'vitest';
import { servedFleet, RawConnection, request, statusOf, token } from './pages.ts';

const bearer = `authorization: Bearer ${token}`;
const jsonType = 'content-type: application/json';
const host = 'host: localhost';

describe('E3: the host that is asked for', () => {
  it.each([
    'localhost',
    'LOCALHOST:80',
    '127.0.0.1',
    '127.0.0.1:65535',
    '[::1]',
    '[::1]:8080',
    'fleet.example.com',
    'fleet.example.com:443'
  ])('is answered as %s', async (name) => {
    const { page } = await servedFleet({ handlers: {} }, { allowedHosts: ['Fleet.example.com'] });
    expect(await statusOf(page, 'GET /api/batches HTTP/1.1', `host: ${name}`)).toBe(200);
  });

  it.each([
    'evil.com',
    'evil.com:80',
    'localhost.evil.com',
    'localhost@evil.com',
    'localhost:80@evil.com',
    'localhost:80:80',
    'localhost:',
    'localhost:123456',
    'localhost:65536',
    'localhost:0x50',
    '127.0.0.1.nip.io',
    '127.1',
    '2130706433',
    '0.0.0.0',
    '[::]',
    '[::1%25lo]',
    '[::1].evil.com',
    'local host',
    'localhost,evil.com',
    'localhost/',
    ''
  ])('is refused as %s, server-sent events included', async (name) => {
    const { page } = await servedFleet({ handlers: {} });
    for (const path of ['/', '/api/events', '/api/batches']) {
      expect(await statusOf(page, `GET ${path} HTTP/1.1`, `host: ${name}`)).toBe(421);
    }
  });

  it('is one', async () => {
    const { page } = await servedFleet({ handlers: {} });
    expect(await statusOf(page, 'GET / HTTP/1.1')).toBe(400);
    expect(await statusOf(page, 'GET / HTTP/1.0')).toBe(421);
    expect(await statusOf(page, 'GET / HTTP/1.1', host, 'Host: evil.com')).toBe(400);
    expect(await statusOf(page, 'GET / HTTP/1.1', host, host)).toBe(400);
  });

  it('is no other in the target', async () => {
    const { page } = await servedFleet({ handlers: {} });
    expect(await statusOf(page, 'GET http://evil.com/ HTTP/1.1', host)).toBe(400);
    expect(await statusOf(page, 'GET //evil.com/ HTTP/1.1', host)).toBe(404);
  });

  it('may be any address, and no other name, where it listens on all of them', async () => {
    const { page } = await servedFleet({ handlers: {} }, { host: '0.0.0.0' });
    expect(await statusOf(page, 'GET / HTTP/1.1', 'host: 192.0.2.7:80')).toBe(200);
    expect(await statusOf(page, 'GET / HTTP/1.1', 'host: [2001:db8::7]')).toBe(200);
    expect(await statusOf(page, 'GET / HTTP/1.1', 'host: evil.com')).toBe(421);
  });
});

describe('E4: another page', () => {
  it.each([
    ['its origin', ['origin: https://evil.com']],
    ['no origin to speak of', ['origin: null']],
    ['another port of this machine', ['origin: http://localhost:1', 'sec-fetch-site: same-site']],
    ['its site', ['sec-fetch-site: cross-site']],
    ['a name that begins like ours', ['origin: http://localhost.evil.com']]
  ])('changes nothing with %s', async (_, headers) => {
    const { fleet, page } = await servedFleet({ handlers: {} });
    const lines = [host, bearer, jsonType, 'content-length: 2', ...headers];
    expect(await statusOf(page, 'POST /api/fleet/pause HTTP/1.1', ...lines, '', '{}')).toBe(403);
    expect(fleet.actor.getSnapshot().value.operation).toBe('running');
    expect(await statusOf(page, 'GET /api/events HTTP/1.1', host, ...headers)).toBe(403);
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', ''])(
    'changes nothing with a form of type %j',
    async (type) => {
      const { page, post } = await servedFleet({ handlers: {} });
      expect((await post('/api/fleet/pause', {}, { 'content-type': type })).status).toBe(415);
      expect(await statusOf(page, 'POST /api/fleet/pause HTTP/1.1', host, bearer, 'content-length: 0')).toBe(
        415
      );
    }
  );

  it('finds no other spelling of a path that is guarded', async () => {
    const { page } = await servedFleet({ handlers: {} }, { protectReads: true });
    for (const path of [
      '/%61pi/batches',
      '/api//batches',
      '/./api/batches',
      '/x/../api/batches',
      '/API/batches'
    ]) {
      expect([401, 404]).toContain(await statusOf(page, `GET ${path} HTTP/1.1`, host));
    }
  });

  it('is not the page itself, nor a program', async () => {
    const { page, post } = await servedFleet({ handlers: {} });
    const { origin } = new URL(page.url);
    const own = { origin, 'sec-fetch-site': 'same-origin' };
    expect((await post('/api/fleet/pause', {}, own)).status).toBe(200);
    expect(
      (await post('/api/fleet/resume', {}, { 'content-type': 'application/json; charset=utf-8' })).status
    ).toBe(200);
  });
});

describe('E5: sharing with other origins', () => {
  const preflight = (origin: string) => ({
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization'
    }
  });

  it.each(['https://evil.com', 'null', 'http://localhost:1'])('is refused to %s', async (origin) => {
    const { page } = await servedFleet({ handlers: {} }, { allowedOrigins: ['https://ops.example.com'] });
    const { status, headers } = await request(page, '/api/fleet/pause', preflight(origin));
    expect([status, headers.get('access-control-allow-origin')]).toEqual([403, null]);
  });

  it('is for those that are listed, without cookies', async () => {
    const origin = 'https://ops.example.com';
    const { page, post } = await servedFleet({ handlers: {} }, { allowedOrigins: [origin] });
    const asked = await request(page, '/api/fleet/pause', preflight(origin));
    expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([204, origin]);
    const answer = await post('/api/fleet/pause', {}, { origin, 'sec-fetch-site': 'cross-site' });
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, origin]);
    expect(answer.headers.get('vary')).toBe('origin');
    for (const { headers } of [asked, answer])
      expect(headers.get('access-control-allow-credentials')).toBeNull();
  });
});

describe('E6: a path', () => {
  it.each([
    '/../package.json',
    '/..%2f..%2fpackage.json',
    '/%2e%2e/%2e%2e/package.json',
    '/..%5c..%5cpackage.json',
    '/page.js%00.html',
    '/page.js/..%2fpage.css',
    '/./././etc/passwd',
    '//etc/passwd',
    '/page%2ejs/x',
    '/__proto__',
    '/constructor',
    '/index.html',
    '/api',
    '/api/nope'
  ])('%s leads to nothing', async (path) => {
    const { page } = await servedFleet({ handlers: {} });
    expect(await statusOf(page, `GET ${path} HTTP/1.1`, host)).toBe(404);
  });

  it('has no backslash', async () => {
    const { page } = await servedFleet({ handlers: {} });
    expect(await statusOf(page, 'GET /..\\..\\package.json HTTP/1.1', host)).toBe(400);
  });
});

describe('E11: every answer', () => {
  it.each(['/', '/page.js', '/api/batches', '/api/nope', '/nope', '/api/tasks/nope'])(
    'of %s forbids frames, sniffing, referrers and caches',
    async (path) => {
      const { get } = await servedFleet({ handlers: {} });
      const { headers } = await get(path);
      expect(headers.get('content-security-policy')).toMatch(/^default-src 'none';.*frame-ancestors 'none'$/);
      expect(headers.get('content-security-policy')).not.toMatch(/unsafe|\*/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('cache-control')).toBe('no-store');
    }
  );

  it('does so when it is refused before it is routed', async () => {
    const { page } = await servedFleet({ handlers: {} });
    const text = await new RawConnection(page).send('GET / HTTP/1.1', 'host: evil.com', '', '').rest();
    expect(text).toContain("default-src 'none'");
    expect(text).toContain('nosniff');
  });
});

describe('E12: a method', () => {
  it.each([
    ['POST', '/', 'GET, HEAD'],
    ['POST', '/api/batches', 'GET, HEAD'],
    ['GET', '/api/fleet/pause', 'POST'],
    ['OPTIONS', '/page.js', 'GET, HEAD']
  ])('%s of %s is not allowed, but %s', async (method, path, allowed) => {
    const { page } = await servedFleet({ handlers: {} });
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await request(page, path, { method, headers });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, allowed]);
  });

  it.each(['TRACE', 'PUT', 'DELETE', 'PATCH', 'PROPFIND'])('%s is there for nothing', async (method) => {
    const { page } = await servedFleet({ handlers: {} });
    const text = await new RawConnection(page)
      .send(`${method} / HTTP/1.1`, host, 'x-secret: 1', '', '')
      .rest();
    expect(text).toMatch(/^HTTP\/1\.1 405 [\s\S]*allow: GET, HEAD, POST, OPTIONS/);
    expect(text).not.toContain('x-secret');
  });

  it('CONNECT ends the connection', async () => {
    const { page } = await servedFleet({ handlers: {} });
    expect(await new RawConnection(page).send('CONNECT evil.com:80 HTTP/1.1', host, '', '').rest()).toBe('');
  });

  it('is not overridden by a header or a field', async () => {
    const { fleet, get } = await servedFleet({ handlers: {} });
    const override = { 'x-http-method-override': 'POST', authorization: `Bearer ${token}` };
    expect((await get('/api/fleet/pause?_method=POST', override)).status).toBe(405);
    expect(fleet.actor.getSnapshot().value.operation).toBe('running');
  });

  it('HEAD tells of a stream and opens none', async () => {
    const { clock, page } = await servedFleet({ handlers: {} });
    const pending = clock.pending;
    const { status, headers, text } = await request(page, '/api/events', { method: 'HEAD' });
    expect([status, headers.get('content-type'), text]).toEqual([200, 'text/event-stream', '']);
    expect(clock.pending).toBe(pending);
  });

  it('comes with 16 kB of headers at most', async () => {
    const { page } = await servedFleet({ handlers: {} });
    expect(await statusOf(page, 'GET / HTTP/1.1', host, `x: ${'x'.repeat(17_000)}`)).toBe(431);
  });

  it('ends its connection when four others of it wait for their answers', async () => {
    const { clock, page, get } = await servedFleet({ handlers: {} });
    const idle = clock.pending;
    const raw = new RawConnection(page).send('GET /api/events HTTP/1.1', host, '', '');
    await raw.received(/event: frame/);
    for (let sent = 0; sent < 4; sent++) raw.send('GET /page.js HTTP/1.1', host, '', '');
    expect(await raw.rest()).not.toContain('page();');
    expect((await get('/page.js')).status).toBe(200);
    await expect.poll(() => clock.pending).toBe(idle);
  });

  it('comes before the answer to the last one, and is answered in turn', async () => {
    const { page } = await servedFleet({ handlers: {} });
    const raw = new RawConnection(page);
    for (const path of ['/page.js', '/nope', '/page.css']) raw.send(`GET ${path} HTTP/1.1`, host, '', '');
    raw.send('GET /api/batches HTTP/1.1', host, 'connection: close', '', '');
    const text = await raw.rest();
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual([200, 404, 200, 200].map((status) => `HTTP/1.1 ${status}`));
    expect(text.indexOf('page();')).toBeLessThan(text.indexOf('body {}'));
  });
});

describe('E13: a list', () => {
  it.each(['0', '1001', '1e9', '-1', 'x', '', '1.5', '99999999999999999999'])(
    'has no limit of %s',
    async (limit) => {
      const { get } = await servedFleet({ handlers: {} });
      for (const path of ['/api/batches', '/api/tasks', '/api/results']) {
        expect((await get(`${path}?batchId=b&limit=${limit}`)).status).toBe(400);
      }
    }
  );

  it.each([
    '/api/tasks?status=.*',
    '/api/tasks?after=x',
    '/api/tasks?type=%00',
    '/api/batches?status=nope',
    '/api/batches?after=a%2Fb',
    '/api/results',
    '/api/results?batchId=b&success=maybe'
  ])('is not filtered by %s', async (path) => {
    const { get } = await servedFleet({ handlers: {} });
    expect((await get(path)).json).toMatchObject({ error: { code: 'ERR_VALIDATION' } });
  });
});
