import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Access } from '../../src/dashboard/access.ts';
import { EventStreams } from '../../src/dashboard/eventStreams.ts';
import type { Frame } from '../../src/dashboard/frame.ts';
import { startPageServer } from '../../src/dashboard/pageServer.ts';
import { resolveServeOptions } from '../../src/dashboard/serveOptions.ts';
import { healthOf } from '../../src/fleet/fleetHealth.ts';
import { FleetManager, type LivePage } from '../../src/index.ts';
import { gate, SimulatedClock } from '../harness.ts';
import { Events, RawConnection, request, servedFleet, statusOf, token } from './pages.ts';

const post = 'POST /api/session HTTP/1.1';
const lines = ['host: localhost', 'content-type: application/json'];

describe('E7: a body', () => {
  it('has 16 KiB at most', async () => {
    const { page } = await servedFleet({ handlers: {} });
    const body = (bytes: number) => JSON.stringify({ token }).padEnd(bytes);
    const withLength = (bytes: number) => [...lines, `content-length: ${bytes}`, '', body(bytes)];
    expect(await statusOf(page, post, ...withLength(16_385))).toBe(413);
    expect((await request(page, '/api/session', json(body(16_384)))).status).toBe(200);
  });

  it('that never ends is not read, and its connection is closed', async () => {
    const { page } = await servedFleet({ handlers: {} });
    const raw = new RawConnection(page).send(post, ...lines, 'transfer-encoding: chunked', '', '');
    const chunk = `1000\r\n${'x'.repeat(0x1000)}\r\n`;
    const more = (): void => {
      while (!raw.socket.destroyed && raw.socket.write(chunk));
    };
    raw.socket.on('drain', more);
    more();
    // What was not read may have the connection reset before its end has come.
    expect(await raw.rest()).toMatch(/^(HTTP\/1\.1 413 |$)/);
    expect(raw.socket.destroyed).toBe(true);
  });

  it('of a lie about its length is not waited for', async () => {
    const { page } = await servedFleet({ handlers: {} });
    const raw = new RawConnection(page).send(post, ...lines, 'content-length: 99999999999', '', '{}');
    expect(await raw.rest()).toMatch(/^HTTP\/1\.1 413 /);
  });

  it.each(['gzip', 'br', 'deflate', 'identity, gzip', 'x'])('is not encoded as %s', async (encoding) => {
    const { page } = await servedFleet({ handlers: {} });
    const headers = [...lines, `content-encoding: ${encoding}`, 'content-length: 2', '', '{}'];
    expect(await statusOf(page, post, ...headers)).toBe(415);
  });

  it.each([
    ['two lengths', ['content-length: 2', 'content-length: 3']],
    ['a length and chunks', ['content-length: 2', 'transfer-encoding: chunked']],
    ['chunks and another coding', ['transfer-encoding: chunked, identity']],
    ['a length that is no number', ['content-length: 2x']],
    ['a negative length', ['content-length: -1']]
  ])('that could be read in two ways is refused: %s', async (_, headers) => {
    const { page } = await servedFleet({ handlers: {} });
    const raw = new RawConnection(page).send(post, ...lines, ...headers, '', '{}');
    expect(await raw.rest()).toMatch(/^HTTP\/1\.1 400 /);
  });

  it.each(['{', '[]', '"x"', '1', 'null', '\ufeff{}', '{"token":', '['.repeat(8_000)])(
    'that is no object is refused: %j',
    async (body) => {
      const { page } = await servedFleet({ handlers: {} });
      const answer = await request(page, '/api/session', json(body));
      expect([answer.status, answer.text.includes('at ')]).toEqual([400, false]);
    }
  );

  it.each([
    ['cut off', ['content-length: 10', '', '{']],
    ['of broken chunks', ['transfer-encoding: chunked', '', 'zz', '']],
    [
      'with endless chunk extensions',
      ['transfer-encoding: chunked', '', `2;x=${'x'.repeat(20_000)}`, '{}', '']
    ]
  ])('that is %s is no defect of the fleet', async (_, rest) => {
    const defects: unknown[] = [];
    const { page, get } = await servedFleet({
      handlers: {},
      onListenerError: (error) => defects.push(error)
    });
    const raw = new RawConnection(page).send(post, ...lines, ...rest);
    raw.socket.end();
    await raw.rest();
    expect((await get('/api/session')).status).toBe(200);
    expect(defects).toEqual([]);
  });

  it('changes no prototype', async () => {
    const { page } = await servedFleet({ handlers: {} });
    await request(page, '/api/session', json('{"__proto__":{"polluted":1},"token":"x"}'));
    expect({}).not.toHaveProperty('polluted');
  });
});

describe('E8: a slow sender', () => {
  it('of headers is cut off', async () => {
    const { page } = await hurriedServer();
    const raw = new RawConnection(page).send('GET / HTTP/1.1', 'host: localhost', 'x: ');
    // The answer may be lost with the connection: it is closed with bytes on the way.
    expect(await raw.rest()).toMatch(/^$|^HTTP\/1\.1 408 /);
    expect(raw.socket.destroyed).toBe(true);
  });

  it('of a body is cut off', async () => {
    const { page } = await hurriedServer();
    const raw = new RawConnection(page).send(post, ...lines, 'content-length: 10', '', '{');
    await raw.rest();
    expect(raw.socket.destroyed).toBe(true);
  });

  it('finds 256 connections at most', async () => {
    const { page } = await servedFleet({ handlers: {} });
    const connections = Array.from({ length: 256 }, () => new RawConnection(page));
    // Answers tell that the server has them.
    for (const raw of connections) raw.send('GET /page.css HTTP/1.1', 'host: localhost', '', '');
    await Promise.all(connections.map((raw) => raw.received(/body \{\}/)));
    expect(await new RawConnection(page).send('GET / HTTP/1.1', 'host: localhost', '', '').rest()).toBe('');
  });
});

describe('E9: a reader of frames', () => {
  it('is one of a hundred', async () => {
    const { page, get } = await servedFleet({ handlers: {} });
    const readers = Array.from({ length: 100 }, () =>
      new RawConnection(page).send('GET /api/events HTTP/1.1', 'host: localhost', '', '')
    );
    await Promise.all(readers.map((raw) => raw.received(/event: frame/)));
    const refused = await get('/api/events');
    expect([refused.status, refused.json]).toMatchObject([503, { error: { code: 'ERR_BUSY' } }]);
    readers[0]!.socket.destroy();
    await expect.poll(async () => (await Events.open(page)).status).toBe(200);
  });

  it('that reads nothing gets the newest frame when it reads again', async () => {
    const { streams, change } = stubStreams();
    const reader = streams.open().getReader();
    for (let turn = 2; turn <= 1_000; turn++) await change({ turn });
    expect(await textOf(reader)).toContain('id: 1000\n');
    await change({ turn: 1_001 });
    expect(await textOf(reader)).toContain('id: 1001\n');
  });

  it('that reads nothing for long is dropped', async () => {
    const { page, streams, change } = await hurriedServer();
    const raw = new RawConnection(page).send('GET /api/events HTTP/1.1', 'host: localhost', '', '');
    await raw.received(/event: frame/);
    raw.socket.pause();
    const failures = Array.from(
      { length: 50 },
      () => ({ error: 'x'.repeat(15_000) }) as Frame['failures'][0]
    );
    for (let turn = 2; streams.size > 0; turn++) {
      await change({ turn, failures });
      await new Promise(setImmediate);
    }
    expect(streams.size).toBe(0);
  });

  it('gets frames of a megabyte at most', async () => {
    const { streams, change } = stubStreams();
    const reader = streams.open().getReader();
    await textOf(reader);
    const workers = Array.from({ length: 200 }, () => ({ id: 'x'.repeat(20_000) }) as Frame['workers'][0]);
    await change({ turn: 2, workers });
    const text = await textOf(reader);
    expect(text.length).toBeLessThan(1_000_000);
    expect((JSON.parse(text.split('data: ')[1]!) as Frame).workers).toHaveLength(25);
  });

  it('hears the last frame before the end', async () => {
    const { streams, change } = stubStreams();
    const reader = streams.open().getReader();
    await change({ turn: 7 }, 0);
    streams.end();
    expect(await textOf(reader)).toContain('id: 7\n');
    expect(await textOf(reader)).toBe('event: end\ndata: {}\n\n');
    expect((await reader.read()).done).toBe(true);
    expect(() => streams.open()).toThrow('stops');
  });
});

describe('E13: actions', () => {
  it('are 64 at once, whoever asks, and the fleet goes on beside them', async () => {
    const { promise, open } = gate();
    const test = await servedFleet({
      handlers: { wait: () => promise, echo: (data: number) => data },
      config: { maxQueueSize: 1, maxConcurrentWorkers: 1, onQueueFull: 'wait', maxRetries: 0 }
    });
    const { fleet } = test;
    await fleet.submitBatch([{ type: 'echo', id: '1', data: 1 }], { batchId: 'b' });
    await fleet.waitForBatch('b');
    await fleet.submitAsync('wait', undefined as never, { id: 'w' });
    await fleet.submitAsync('echo', 1, { id: 'full' });
    await fleet.cancelTask('full');
    await fleet.submitBatch([{ type: 'echo', id: '1', data: 1 }], { batchId: 'c' });
    await fleet.cancelBatch('c');
    await fleet.submitAsync('echo', 1, { id: 'last' });
    // Copies wait for room in the queue.
    const waiting = Array.from({ length: 64 }, () => test.post('/api/tasks/full/retry'));
    await expect.poll(async () => (await test.post('/api/fleet/pause')).status).toBe(503);
    expect((await fleet.getTask('w')).status).toBe('running');
    expect((await test.get('/api/batches')).status).toBe(200);
    open();
    const answers = await Promise.all(waiting);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect((await test.post('/api/fleet/pause')).status).toBe(200);
  });

  it('that wait for longer than 20 s are answered, and go on', async () => {
    const { promise, open } = gate();
    const { fleet, clock, post } = await servedFleet({
      handlers: { wait: () => promise, echo: (data: number) => data },
      config: { maxQueueSize: 1, maxConcurrentWorkers: 1, onQueueFull: 'wait' }
    });
    await fleet.submitAsync('wait', null as never, { id: 'w' });
    await fleet.submitAsync('echo', 1, { id: 'a' });
    await fleet.cancelTask('a');
    await fleet.submitAsync('echo', 1, { id: 'b' });
    const late = post('/api/tasks/a/retry');
    const isAnswered = late.then(() => true);
    while (!(await Promise.race([isAnswered, clock.advance(1_000).then(() => false)])));
    expect((await late).json).toMatchObject({ error: { code: 'ERR_TIMEOUT' } });
    open();
    await clock.advance(0);
    expect((await fleet.listTasks()).filter(({ retryOf }) => retryOf === 'a')).toMatchObject([
      { status: 'completed' }
    ]);
  });
});

describe('whatever is asked', () => {
  const segment = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '..',
      '.',
      '%',
      '%00',
      '%2',
      '%zz',
      '%c0%ae',
      'a/b',
      '__proto__',
      '\u202e',
      'x'.repeat(10_000)
    ),
    fc.string({ unit: 'grapheme' })
  );
  const name = fc.constantFrom('batches', 'tasks', 'results', 'session', 'fleet', 'workers', 'nope');
  const query = fc.array(
    fc.tuple(
      fc.constantFrom('limit', 'after', 'status', 'batchId', 'type', 'offset', 'success', '__proto__'),
      segment
    )
  );
  const verb = fc.constantFrom('', '/retry', '/cancel', '/pause', '/resume', '/scale');

  it('is answered, and never by a defect', async () => {
    const defects: unknown[] = [];
    const { page } = await servedFleet({
      handlers: { echo: () => {} },
      onListenerError: (error) => defects.push(error)
    });
    await fc.assert(
      fc.asyncProperty(
        name,
        segment,
        fc.boolean(),
        verb,
        query,
        fc.boolean(),
        async (list, id, isEncoded, end, fields, isPost) => {
          const part = isEncoded ? encodeURIComponent(wellFormed(id)) : id.replaceAll(/[^!-~]|[#?]/g, '%');
          const search = fields
            .map(([field, value]) => `${field}=${encodeURIComponent(wellFormed(value))}`)
            .join('&');
          const line = `${isPost ? 'POST' : 'GET'} /api/${list}/${part}${end}?${search.slice(0, 12_000)} HTTP/1.1`;
          const status = await statusOf(
            page,
            line,
            ...lines,
            `authorization: Bearer ${token}`,
            ...(isPost ? ['content-length: 0'] : [])
          );
          expect(status).toBeGreaterThanOrEqual(200);
          expect(status).toBeLessThan(500);
        }
      ),
      { numRuns: 300 }
    );
    expect(defects).toEqual([]);
  });
});

/** Text that UTF-8 can hold. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

function json(body: string): RequestInit {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body };
}

async function textOf(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const { value } = await reader.read();
  return Buffer.from(value ?? []).toString();
}

/** Streams of frames that the test makes. */
function stubStreams() {
  const clock = new SimulatedClock();
  const listeners = new Set<() => void>();
  let frame = { turn: 1, batches: [], workers: [], failures: [] } as unknown as Frame;
  const streams = new EventStreams({
    clock,
    readFrame: () => frame,
    onChange: (listener) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    onError: (error) => expect.fail(String(error))
  });
  const change = async (changes: Partial<Frame>, ms = 100): Promise<void> => {
    frame = { ...frame, ...changes };
    for (const listener of listeners) listener();
    if (ms > 0) await clock.advance(ms);
  };
  return { clock, streams, change };
}

/** A server that waits for nobody longer than some hundred milliseconds. */
async function hurriedServer() {
  const { clock, streams, change } = stubStreams();
  const server = await startPageServer({
    fleet: new FleetManager({ handlers: {} }),
    clock,
    assets: { html: '', script: '', style: '' },
    access: new Access(token, clock),
    streams,
    health: () => healthOf('default', null),
    metrics: null,
    options: resolveServeOptions({ token }),
    onError: (error) => expect.fail(String(error)),
    timeouts: { headersMs: 200, requestMs: 300, stalledMs: 400 }
  });
  onTestFinished(() => server.close());
  const page = { url: `http://127.0.0.1:${server.port}/` } as LivePage;
  return { page, streams, change };
}
