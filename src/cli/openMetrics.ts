import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Refusal } from '../dashboard/refusal.ts';
import { checkRequest } from '../dashboard/requestRules.ts';
import { MissingPeerError } from '../errors.ts';
import type { Telemetry } from '../telemetry/createTelemetry.ts';
import { UsageError } from './failure.ts';

/** Where metrics and probes are served. */
export interface MetricsAddress {
  readonly host: string;
  readonly port: number;
}

/** The port that exporters for Prometheus have by default. */
const defaultAddress: MetricsAddress = { host: '127.0.0.1', port: 9464 };

/**
 * Serves `/metrics`, `/healthz` and `/readyz` of a run, until it is disposed of, and says where.
 *
 * @param address - `true`: the default one.
 */
export async function openMetrics(
  telemetry: Telemetry,
  address: MetricsAddress | true,
  note: (line: string) => void
): Promise<Disposable> {
  const { host, port } = address === true ? defaultAddress : address;
  const respond = getRequestListener(telemetry.handler, { overrideGlobalObjects: false });
  const server = createServer((incoming, outgoing) => {
    try {
      checkRequest(incoming, { host, allowedHosts: [] });
    } catch (error) {
      const { status, headers, body } = error as Refusal;
      outgoing.writeHead(status, { ...headers, 'content-type': 'application/json', connection: 'close' });
      outgoing.end(body);
      return;
    }
    void respond(incoming, outgoing);
  });
  const listening = new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  await listening.catch((error: unknown) => {
    const { message } = error as Error;
    throw new UsageError(
      `Metrics cannot be served on port ${port} of ${host}: ${message} (--metrics <port>)`
    );
  });
  const { port: bound } = server.address() as { readonly port: number };
  note(`Metrics: http://${host.includes(':') ? `[${host}]` : host}:${bound}/metrics`);
  return {
    [Symbol.dispose]: () => {
      server.close();
      server.closeAllConnections();
    }
  };
}

/** Telemetry with a page for Prometheus. @throws {UsageError} when its library is not installed. */
export async function telemetryForMetrics(): Promise<Telemetry> {
  const { createTelemetry } = await import('../telemetry/createTelemetry.ts');
  try {
    return createTelemetry({ prometheus: true });
  } catch (error) {
    if (error instanceof MissingPeerError) throw new UsageError(error.message);
    throw error;
  }
}
