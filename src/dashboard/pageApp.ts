import type { HttpBindings } from '@hono/node-server';
import { Hono, type Context, type MiddlewareHandler } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { assertText } from '../validation/validation.ts';
import { sessionMs, type Access } from './access.ts';
import type { EventStreams } from './eventStreams.ts';
import { ListQueries, type Query } from './listQueries.ts';
import { checkOrigin } from './originRules.ts';
import type { PageAssets } from './pageAssets.ts';
import { Places } from './places.ts';
import { Refusal, refusalOf } from './refusal.ts';
import { readJsonBody } from './requestBody.ts';
import { securityHeaders } from './securityHeaders.ts';
import type { ServedFleet } from './servedFleet.ts';
import type { ResolvedServeOptions } from './serveOptions.ts';
import { ShownValues } from './shownValues.ts';

/** At once: the fleet's turns have other work too. */
const maxActions = 64;
const maxReads = 16;

export interface PageAppOptions {
  readonly fleet: ServedFleet;
  readonly assets: Pick<PageAssets, 'html' | 'script' | 'style'>;
  readonly access: Access;
  readonly streams: EventStreams;
  readonly options: Pick<ResolvedServeOptions, 'protectReads' | 'allowedOrigins' | 'redact'>;
  /** Named so that two fleets of one machine do not take each other's: cookies know no ports. */
  readonly cookie: () => string;
  /** Told of what went wrong that is not the sender's fault. */
  readonly onError: (error: unknown) => void;
}

interface PageEnv {
  Bindings: HttpBindings;
}
type PageContext = Context<PageEnv>;

/** The routes of a live page, and who may use them. */
export function createPageApp(app: PageAppOptions): Hono<PageEnv> {
  const { fleet, assets, access, streams, options } = app;
  const shown = new ShownValues(options.redact);
  const lists = new ListQueries(fleet, shown);
  const reads = new Places(maxReads);
  const actions = new Places(maxActions);
  const hono = new Hono<PageEnv>();

  hono.use(withSecurityHeaders);
  hono.notFound((context) => answer(context, new Refusal(404, 'ERR_ROUTE', 'There is nothing here')));
  hono.onError((error, context) => {
    const { refusal, isDefect } = refusalOf(error);
    if (isDefect) app.onError(error);
    return answer(context, refusal);
  });

  hono.get('/', (context) => context.html(assets.html));
  hono.get('/page.js', (context) =>
    context.body(assets.script, 200, { 'content-type': 'text/javascript; charset=utf-8' })
  );
  hono.get('/page.css', (context) =>
    context.body(assets.style, 200, { 'content-type': 'text/css; charset=utf-8' })
  );

  hono.use('/api/*', guardOrigin(options.allowedOrigins));
  hono.get('/api/session', (context) =>
    context.json({ isAuthorized: isAuthorized(context, app), protectsReads: options.protectReads })
  );
  hono.post('/api/session', async (context) => {
    const { token } = await readJsonBody(context.req.raw);
    assertText('token', token);
    if (!access.isToken(token, addressOf(context))) throw unauthorized();
    setCookie(context, app.cookie(), access.beginSession(), {
      path: '/',
      httpOnly: true,
      sameSite: 'Strict',
      maxAge: sessionMs / 1_000
    });
    return context.json({ ok: true });
  });
  hono.use('/api/*', async (context, next) => {
    const isRead = context.req.method === 'GET' || context.req.method === 'HEAD';
    if ((isRead && !options.protectReads) || isAuthorized(context, app)) return next();
    throw unauthorized();
  });

  hono.get('/api/events', (context) => {
    const headers = { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no', connection: 'close' };
    if (context.req.method === 'HEAD') return context.body(null, 200, headers);
    return context.body(streams.open(), 200, headers);
  });

  const read = (path: string, reader: (query: Query, context: PageContext) => Promise<unknown>): void => {
    hono.get(path, async (context) =>
      context.json(await reads.during(() => reader((name) => context.req.query(name), context)))
    );
  };
  read('/api/batches', (query) => lists.batches(query));
  read('/api/tasks', (query) => lists.tasks(query));
  read('/api/results', (query) => lists.results(query));
  read('/api/tasks/:key', async (_, { req }) => {
    const key = req.param('key')!;
    const [view, snapshot] = await Promise.all([fleet.getTask(key), fleet.getTaskSnapshot(key)]);
    return { view: shown.task(view), snapshot: shown.snapshot(snapshot) };
  });

  const act = (path: string, action: (id: string, context: PageContext) => Promise<object | void>): void => {
    hono.post(path, async (context) => {
      const done = await actions.during(() => action(context.req.param('id')!, context));
      return context.json({ ok: true, ...done });
    });
  };
  act('/api/tasks/:id/retry', async (key) => ({ key: await fleet.retryTask(key) }));
  act('/api/tasks/:id/cancel', async (key) => ({ cancelled: await fleet.cancelTask(key) }));
  act('/api/batches/:id/retry', async (id) => ({ batchId: await fleet.retryBatch(id) }));
  act('/api/batches/:id/cancel', async (id) => ({ cancelled: await fleet.cancelBatch(id) }));
  act('/api/batches/:id/pause', (id) => fleet.pauseBatch(id));
  act('/api/batches/:id/resume', (id) => fleet.resumeBatch(id));
  act('/api/fleet/pause', () => fleet.pause());
  act('/api/fleet/resume', () => fleet.resume());
  act('/api/workers/scale', async (_, { req }) => {
    const { count } = await readJsonBody(req.raw);
    await fleet.scaleWorkers(count as number);
  });

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

function isAuthorized(context: PageContext, { access, cookie }: PageAppOptions): boolean {
  const [, token] = /^Bearer (.+)$/i.exec(context.req.header('authorization') ?? '') ?? [];
  if (token !== undefined) return access.isToken(token, addressOf(context));
  const session = getCookie(context, cookie());
  return session !== undefined && access.isSession(session);
}

function addressOf(context: PageContext): string {
  return context.env.incoming.socket.remoteAddress ?? '';
}

function unauthorized(): Refusal {
  return new Refusal(401, 'ERR_TOKEN', 'It needs the token of the live page', {
    'www-authenticate': 'Bearer'
  });
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
