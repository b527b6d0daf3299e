import { Hono, type MiddlewareHandler } from 'hono';
import type { Clock } from '../clock.ts';
import type { Access } from './access.ts';
import { addActionRoutes } from './actionRoutes.ts';
import { addAuthorization } from './authorization.ts';
import type { FleetHealth } from '../fleet/fleetHealth.ts';
import type { MetricsPage } from '../fleetTelemetry.ts';
import type { EventStreams } from './eventStreams.ts';
import { checkOrigin } from './originRules.ts';
import type { PageAssets } from './pageAssets.ts';
import type { PageContext, PageEnv } from './pageEnv.ts';
import { addProbeRoutes } from './probeRoutes.ts';
import { addReadRoutes } from './readRoutes.ts';
import { Refusal, refusalOf } from './refusal.ts';
import { securityHeaders } from './securityHeaders.ts';
import type { ServedFleet } from './servedFleet.ts';
import type { ResolvedServeOptions } from './serveOptions.ts';
import { ShownValues } from './shownValues.ts';

export interface PageAppOptions {
  readonly fleet: ServedFleet;
  readonly clock: Clock;
  readonly assets: Pick<PageAssets, 'html' | 'script' | 'style'>;
  readonly access: Access;
  readonly streams: EventStreams;
  readonly options: Pick<ResolvedServeOptions, 'protectReads' | 'openMetrics' | 'allowedOrigins' | 'redact'>;
  /** The name of its cookie. */
  readonly cookie: () => string;
  readonly health: () => FleetHealth;
  /** `null`: it has no telemetry. */
  readonly metrics: (() => Promise<MetricsPage | null>) | null;
  /** Told of what went wrong that is not the sender's fault. */
  readonly onError: (error: unknown) => void;
}

/** The routes of a live page. In this order: headers, other pages, the token, what is asked for. */
export function createPageApp(app: PageAppOptions): Hono<PageEnv> {
  const { fleet, clock, assets, access, streams, options, cookie } = app;
  const hono = new Hono<PageEnv>();

  hono.use(withSecurityHeaders);
  hono.notFound((context) => answer(context, new Refusal(404, 'ERR_ROUTE', 'There is nothing here')));
  hono.onError((error, context) => {
    const { refusal, isDefect } = refusalOf(error);
    if (isDefect) app.onError(error);
    return answer(context, refusal);
  });

  // They tell nothing, and ask for the token. All readers share their bytes: one that is slow holds none of its own.
  const file = (path: string, text: string, type: string): void => {
    const bytes = new TextEncoder().encode(text);
    hono.get(path, (context) => context.body(bytes, 200, { 'content-type': `${type}; charset=utf-8` }));
  };
  file('/', assets.html, 'text/html');
  file('/page.js', assets.script, 'text/javascript');
  file('/page.css', assets.style, 'text/css');

  const authorization = { access, cookie, protectReads: options.protectReads };
  addProbeRoutes(hono, { ...app, authorization, openMetrics: options.openMetrics });
  hono.use('/api/*', guardOrigin(options.allowedOrigins));
  addAuthorization(hono, authorization);
  addReadRoutes(hono, { fleet, streams, shown: () => new ShownValues(options.redact) });
  addActionRoutes(hono, fleet, clock);
  refuseOtherMethods(hono);
  return hono;
}

const withSecurityHeaders: MiddlewareHandler<PageEnv> = async (context, next) => {
  await next();
  for (const [name, value] of Object.entries(securityHeaders)) context.res.headers.set(name, value);
};

/** Keeps other pages out, and answers those that are listed as browsers want it. */
function guardOrigin(allowedOrigins: readonly string[]): MiddlewareHandler<PageEnv> {
  return async (context, next) => {
    const { req } = context;
    const listed = checkOrigin(req.raw.headers, allowedOrigins);
    if (listed !== null) {
      context.header('access-control-allow-origin', listed);
      context.header('vary', 'origin');
    }
    if (req.method === 'OPTIONS' && listed !== null) {
      return context.body(null, 204, {
        'access-control-allow-methods': 'GET, POST',
        'access-control-allow-headers': 'authorization, content-type',
        'access-control-max-age': '600'
      });
    }
    if (req.method === 'POST') checkContentType(req.raw.headers);
    return next();
  };
}

/** A form of another page cannot send this type without being asked for first. */
function checkContentType(headers: Headers): void {
  const [type = ''] = (headers.get('content-type') ?? '').split(';');
  if (type.trim().toLowerCase() !== 'application/json') {
    throw new Refusal(415, 'ERR_CONTENT_TYPE', 'The content type must be application/json');
  }
  const encoding = headers.get('content-encoding');
  if (encoding !== null && encoding.toLowerCase() !== 'identity') {
    throw new Refusal(415, 'ERR_CONTENT_ENCODING', 'The body must not be encoded');
  }
}

/** The connection ends after what was refused with a body that nobody has read. */
function answer(context: PageContext, refusal: Refusal): Response {
  const { status, body, headers } = refusal;
  return context.body(body, status as 400, {
    'content-type': 'application/json',
    ...(context.req.method === 'POST' && !context.req.raw.bodyUsed && { connection: 'close' }),
    ...headers
  });
}

/** Routes that exist say which methods they have. */
function refuseOtherMethods(hono: Hono<PageEnv>): void {
  const allowed = new Map<string, string[]>();
  for (const { path, method } of hono.routes) {
    if (method === 'ALL') continue;
    const names = method === 'GET' ? ['GET', 'HEAD'] : [method];
    allowed.set(path, [...(allowed.get(path) ?? []), ...names]);
  }
  for (const [path, names] of allowed) {
    hono.all(path, () => {
      throw new Refusal(405, 'ERR_METHOD', 'No such method here', { allow: names.join(', ') });
    });
  }
}
