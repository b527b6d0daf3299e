import { createRequire } from 'node:module';
import { MissingPeerError } from '../errors.ts';
import { openTelemetryApi } from '../executors/attemptTrace.ts';

/** @throws {MissingPeerError} */
export function requireOpenTelemetry(): typeof import('@opentelemetry/api') {
  const api = openTelemetryApi();
  if (api === null) throw new MissingPeerError('@opentelemetry/api', 'traces and metrics of OpenTelemetry');
  return api;
}

/** @throws {MissingPeerError} */
export function requirePromClient(): typeof import('prom-client') {
  try {
    return createRequire(import.meta.url)('prom-client') as typeof import('prom-client');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    throw new MissingPeerError('prom-client', 'metrics for Prometheus', { cause: error });
  }
}
