import type { FleetHealth } from '../fleet/fleetHealth.ts';
import type { MetricsPage } from '../fleetTelemetry.ts';

export interface ProbesOptions {
  readonly health: () => readonly FleetHealth[];
  /** `null`: nothing is measured for Prometheus. */
  readonly metrics: () => Promise<MetricsPage | null>;
}

/** Answers `/metrics`, `/healthz` and `/readyz`, below any prefix. */
export function probes({ health, metrics }: ProbesOptions): (request: Request) => Promise<Response> {
  return async ({ method, url }) => {
    const [, name] = /\/(metrics|healthz|readyz)$/.exec(new URL(url).pathname) ?? [];
    if (name === undefined)
      return answer(404, { error: { code: 'ERR_ROUTE', message: 'There is nothing here' } });
    if (method !== 'GET' && method !== 'HEAD') {
      const refused = { error: { code: 'ERR_METHOD', message: 'No such method here' } };
      return answer(405, refused, { allow: 'GET, HEAD' });
    }
    // That it is answered says it all: the process lives, and its event loop turns.
    if (name === 'healthz') return answer(200, { status: 'ok' });
    if (name === 'readyz') return readiness(health());
    const page = await metrics();
    if (page !== null) return new Response(page.text, { headers: { 'content-type': page.contentType } });
    const message = 'Not measured; see createTelemetry({ prometheus: true })';
    return answer(404, { error: { code: 'ERR_ROUTE', message } });
  };
}

/** Ready: there are fleets, and all of them are. */
function readiness(fleets: readonly FleetHealth[]): Response {
  const isReady = fleets.length > 0 && fleets.every((fleet) => fleet.isReady);
  if (fleets.length === 0) return answer(503, { status: 'unready', fleets, reason: 'There is no fleet' });
  return answer(isReady ? 200 : 503, {
    status: isReady ? 'ready' : 'unready',
    fleets: fleets.map(({ fleet, state, reason }) => ({ fleet, state, reason }))
  });
}

function answer(status: number, body: object, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers }
  });
}
