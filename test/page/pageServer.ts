import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { readPageAssets, type PageAssets } from '../../src/dashboard/pageAssets.ts';
import type { Frame } from '../../src/dashboard/frame.ts';

export interface PageServerOptions {
  readonly token?: string;
  /** 0: any that is free. */
  readonly port?: number;
  /** What `POST` and `GET` of the API answer, by method and path; a function may hold its answer back. */
  readonly answers?: Readonly<Record<string, () => Promise<Answer> | Answer>>;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Speaks to the page as a fleet does, of frames that a test makes. */
export class PageServer {
  /** Requests for actions, in order: `POST /api/fleet/pause {}`. */
  readonly requests: string[] = [];
  readonly #options: PageServerOptions;
  readonly #server: Server;
  readonly #streams = new Set<ServerResponse>();
  #assets: PageAssets | null = null;
  #frame: Frame;

  constructor(frame: Frame, options: PageServerOptions = {}) {
    this.#frame = frame;
    this.#options = options;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  async listen(): Promise<string> {
    this.#assets = await readPageAssets();
    this.#server.listen(this.#options.port ?? 0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${this.port}/`;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  send(frame: Frame): void {
    this.#frame = frame;
    for (const stream of this.#streams) write(stream, frame);
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    const path = url.split('?')[0] ?? '';
    if (method === 'GET' && path === '/api/events') return this.#stream(response);
    const asset = this.#assetOf(path);
    if (method === 'GET' && asset !== null) {
      response.writeHead(200, { 'content-type': asset.type, 'content-security-policy': policy });
      response.end(asset.text);
      return;
    }
    const body = await bodyOf(request);
    if (path === '/api/session') return this.#openSession(response, body);
    const { token, answers } = this.#options;
    if (
      method === 'POST' &&
      token !== undefined &&
      !(request.headers.cookie ?? '').includes(`session=${token}`)
    ) {
      return json(response, { status: 401, body: { error: { code: 'ERR_TOKEN', message: 'No token' } } });
    }
    if (method === 'POST') this.requests.push(`${method} ${path} ${body}`);
    const answer = await answers?.[`${method} ${path}`]?.();
    json(response, answer ?? { status: 200, body: { ok: true } });
  }

  #assetOf(path: string): { readonly text: string; readonly type: string } | null {
    if (this.#assets === null) return null;
    const { html, script, style } = this.#assets;
    if (path === '/') return { text: html, type: 'text/html; charset=utf-8' };
    if (path === '/page.js') return { text: script, type: 'text/javascript; charset=utf-8' };
    if (path === '/page.css') return { text: style, type: 'text/css; charset=utf-8' };
    return null;
  }

  #openSession(response: ServerResponse, body: string): void {
    const { token } = this.#options;
    if ((JSON.parse(body) as { token: string }).token !== token) {
      return json(response, { status: 401, body: { error: { code: 'ERR_TOKEN', message: 'Wrong token' } } });
    }
    response.setHeader('set-cookie', `session=${token}; SameSite=Strict; HttpOnly; Path=/`);
    json(response, { status: 200, body: { ok: true } });
  }

  #stream(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    this.#streams.add(response);
    response.on('close', () => this.#streams.delete(response));
    write(response, this.#frame);
  }
}

/** What the fleet's own server sends with the page. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

function write(stream: ServerResponse, frame: Frame): void {
  stream.write(`event: frame\nid: ${frame.turn}\ndata: ${JSON.stringify(frame)}\n\n`);
}

function json(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}
