import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { onTestFinished, vi } from 'vitest';
import type { FleetManagerOptions, Frame, Handlers, LivePage, ServeOptions } from '../../src/index.ts';
import { startFleet, type TestFleet } from '../harness.ts';

/** In the place of the page that the build makes. */
vi.mock(import('../../src/dashboard/pageAssets.ts'), async (original) => ({
  ...(await original()),
  readPageAssets: () =>
    Promise.resolve({ html: '<!doctype html>', replayHtml: '', script: 'page();', style: 'body {}' })
}));

export const token = 'a-token-for-tests-only';

export interface ServedTestFleet<THandlers extends Handlers> extends TestFleet<THandlers> {
  readonly page: LivePage;
  /** Asks for a path, with what is given instead of the defaults. */
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  /** Has something done, with the token. */
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Its JSON. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

/** A fleet on simulated time with a page, until the end of the test. */
export async function servedFleet<THandlers extends Handlers>(
  options: FleetManagerOptions<THandlers>,
  serveOptions: ServeOptions = {}
): Promise<ServedTestFleet<THandlers>> {
  const test = await startFleet(options);
  onTestFinished(() => test.fleet.stop({ graceful: false }));
  const page = await test.fleet.serve({ token, ...serveOptions });
  return {
    ...test,
    page,
    get: (path, headers = {}) => request(page, path, { headers }),
    post: (path, body = {}, headers = {}) =>
      request(page, path, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body)
      })
  };
}

export async function request(page: LivePage, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(new URL(path, page.url), init);
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson && text !== '' ? (JSON.parse(text) as Record<string, unknown>) : undefined
  };
}

/** Server-sent events of a page, as they come. */
export class Events {
  readonly status: number;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #abort: AbortController;
  #text = '';

  private constructor(response: Response, abort: AbortController) {
    this.status = response.status;
    this.#reader = response.body!.getReader();
    this.#abort = abort;
  }

  static async open(page: LivePage, headers: Record<string, string> = {}): Promise<Events> {
    const abort = new AbortController();
    onTestFinished(() => abort.abort());
    const response = await fetch(new URL('/api/events', page.url), { headers, signal: abort.signal });
    return new Events(response, abort);
  }

  /** The next event or comment, whole; `null`: the stream has ended. */
  async next(): Promise<string | null> {
    for (;;) {
      const end = this.#text.indexOf('\n\n');
      if (end !== -1) {
        const event = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return event;
      }
      const { done, value } = await this.#reader.read();
      if (done) return null;
      this.#text += Buffer.from(value).toString();
    }
  }

  async nextFrame(): Promise<Frame> {
    const event = await this.next();
    const [, data] = /^event: frame\nid: \d+\ndata: (.*)$/.exec(event ?? '') ?? [];
    if (data === undefined) throw new Error(`This is no frame: ${event}`);
    return JSON.parse(data) as Frame;
  }

  close(): void {
    this.#abort.abort();
  }
}

/** A connection as it is, for what no client would send. */
export class RawConnection {
  readonly socket: Socket;
  #text = '';
  readonly #ended: Promise<unknown>;

  constructor(page: LivePage) {
    this.socket = connect(Number(new URL(page.url).port), '127.0.0.1');
    this.socket.on('data', (chunk) => (this.#text += chunk.toString()));
    // One that the server has destroyed.
    this.socket.on('error', () => {});
    this.#ended = new Promise((resolve) => this.socket.once('close', resolve));
    onTestFinished(() => void this.socket.destroy());
  }

  send(...lines: readonly string[]): this {
    this.socket.write(lines.join('\r\n'));
    return this;
  }

  /** All that was received, once the server has closed the connection. */
  async rest(): Promise<string> {
    await this.#ended;
    return this.#text;
  }

  /** What was received, once it has a match. */
  async received(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#text)) await once(this.socket, 'data');
    return this.#text;
  }
}

/** Sends one request as it is, with `connection: close`. @returns The status of its answer. */
export async function statusOf(page: LivePage, line: string, ...headers: readonly string[]): Promise<number> {
  const raw = new RawConnection(page).send(line, ...headers, 'connection: close', '', '');
  return Number(/^HTTP\/1\.1 (\d+)/.exec(await raw.rest())?.[1] ?? 0);
}
