import { createRequire } from 'node:module';
import type * as openTelemetry from '@opentelemetry/api';
import type * as promClient from 'prom-client';
import { MissingPeerError } from '../errors.ts';
import { openTelemetryApi } from '../executors/attemptTrace.ts';

/** @throws {MissingPeerError} */
export function requireOpenTelemetry(): typeof openTelemetry {
  const api = openTelemetryApi();
  if (api === null) throw new MissingPeerError('@opentelemetry/api', 'traces and metrics of OpenTelemetry');
  return api;
}

/** @throws {MissingPeerError} */
export function requirePromClient(): typeof promClient {
  try {
    return createRequire(import.meta.url)('prom-client') as typeof promClient;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    throw new MissingPeerError('prom-client', 'metrics for Prometheus', { cause: error });
  }
}
