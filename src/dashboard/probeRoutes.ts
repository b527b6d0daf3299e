import type { Hono } from 'hono';
import type { FleetHealth } from '../fleet/fleetHealth.ts';
import type { MetricsPage } from '../fleetTelemetry.ts';
import { isAuthorized, unauthorized, type AuthorizationOptions } from './authorization.ts';
import type { PageEnv } from './pageEnv.ts';
import { Refusal } from './refusal.ts';

export interface ProbeRouteOptions {
  readonly health: () => FleetHealth;
  /** `null`: it has no telemetry. */
  readonly metrics: (() => Promise<MetricsPage | null>) | null;
  readonly authorization: AuthorizationOptions;
  readonly openMetrics: boolean;
}

/** Adds what machines ask. Probes have no token, and hear no more than a state; metrics name types of tasks. */
export function addProbeRoutes(hono: Hono<PageEnv>, options: ProbeRouteOptions): void {
  const { health, metrics, authorization, openMetrics } = options;
  const isOpen = openMetrics || !authorization.protectReads;

  hono.get('/healthz', (context) => context.json({ status: 'ok' }));
  hono.get('/readyz', (context) => {
    const { isReady, state, reason } = health();
    if (isReady) return context.json({ status: 'ready', state });
    return context.json({ status: 'unready', state, reason }, 503);
  });
  hono.get('/metrics', async (context) => {
    if (!isOpen && !isAuthorized(context, authorization)) throw unauthorized();
    const page = await metrics?.();
    if (page == null) {
      throw new Refusal(404, 'ERR_ROUTE', 'Not measured; see createTelemetry({ prometheus: true })');
    }
    return context.body(page.text, 200, { 'content-type': page.contentType });
  });
}
