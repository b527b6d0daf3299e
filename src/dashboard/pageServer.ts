import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { ListenError } from '../errors.ts';
import { createPageApp, type PageAppOptions } from './pageApp.ts';
import type { Refusal } from './refusal.ts';
import { checkRequest } from './requestRules.ts';
import { securityHeaders } from './securityHeaders.ts';
import type { ResolvedServeOptions } from './serveOptions.ts';
import { UnansweredRequests } from './unansweredRequests.ts';

/** What a connection may take, ms. Node's own are a minute and five. */
const defaultTimeouts = { headersMs: 10_000, requestMs: 30_000, stalledMs: 30_000 };
const maxConnections = 256;
/** Requests of a connection that are not answered yet: no browser sends a second one, and each holds its answer. */
const maxUnanswered = 4;
const maxHeaderBytes = 16_384;
/** How long readers may take to read what was sent when it is over, ms. */
const closingMs = 500;

export interface PageServerOptions extends Omit<PageAppOptions, 'options' | 'cookie'> {
  readonly options: ResolvedServeOptions;
  readonly timeouts?: typeof defaultTimeouts;
}

/** A server that listens. */
export interface PageServer {
  readonly port: number;
  /** Tells those who listen that it is over. Resolves when no connection is left. */
  close(): Promise<void>;
}

/** @throws {ListenError} */
export async function startPageServer(parts: PageServerOptions): Promise<PageServer> {
  const { options, streams, onError, timeouts = defaultTimeouts } = parts;
  let port = options.port;
  const app = createPageApp({ ...parts, cookie: () => `fleet-session-${port}` });
  const respond = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const unanswered = new UnansweredRequests(maxUnanswered);
  const server = createServer(
    {
      headersTimeout: timeouts.headersMs,
      requestTimeout: timeouts.requestMs,
      // How often both are looked at.
      connectionsCheckingInterval: Math.min(2_000, timeouts.headersMs),
      maxHeaderSize: maxHeaderBytes,
      keepAlive: true
    },
    (incoming, outgoing) => {
      if (!unanswered.admit(incoming.socket, outgoing)) return;
      try {
        checkRequest(incoming, options);
      } catch (error) {
        return refuse(incoming, outgoing, error as Refusal);
      }
      void respond(incoming, outgoing);
    }
  );
  server.maxConnections = maxConnections;
  // Also of a reader that reads nothing of what it is sent.
  server.setTimeout(timeouts.stalledMs);
  await listen(server, options);
  // Such as no file descriptor for one more connection: those that are there go on.
  server.on('error', onError);
  ({ port } = server.address() as AddressInfo);
  let closed: Promise<void> | null = null;
  return {
    port,
    close: () => {
      streams.end();
      return (closed ??= close(server));
    }
  };
}

/** The connection ends: what the sender goes on to send is not read. */
function refuse(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { status, headers, body }: Refusal
): void {
  outgoing.writeHead(status, {
    ...securityHeaders,
    ...headers,
    'content-type': 'application/json',
    connection: 'close'
  });
  outgoing.end(incoming.method === 'HEAD' ? undefined : body);
}

function listen(server: Server, { port, host }: ResolvedServeOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => reject(new ListenError(host, port, cause));
    server.once('error', fail);
    server.listen(port, host, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const timer = setTimeout(() => server.closeAllConnections(), closingMs);
  await closed;
  clearTimeout(timer);
}
