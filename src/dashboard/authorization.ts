import type { Hono } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { assertText } from '../validation/validation.ts';
import { sessionMs, type Access } from './access.ts';
import type { PageContext, PageEnv } from './pageEnv.ts';
import { Refusal } from './refusal.ts';
import { readJsonBody } from './requestBody.ts';

export interface AuthorizationOptions {
  readonly access: Access;
  readonly protectReads: boolean;
  /** Named so that two fleets of one machine do not take each other's: cookies know no ports. */
  readonly cookie: () => string;
}

/** Adds the routes of sessions, which need no token, and has the token asked for by all that are added after them. */
export function addAuthorization(hono: Hono<PageEnv>, options: AuthorizationOptions): void {
  const { access, protectReads, cookie } = options;

  hono.get('/api/session', (context) =>
    context.json({ isAuthorized: isAuthorized(context, options), protectsReads: protectReads })
  );
  hono.post('/api/session', async (context) => {
    const { token } = await readJsonBody(context.req.raw);
    assertText('token', token);
    if (!access.isToken(token, addressOf(context))) throw unauthorized();
    setCookie(context, cookie(), access.beginSession(), {
      path: '/',
      httpOnly: true,
      sameSite: 'Strict',
      maxAge: sessionMs / 1_000
    });
    return context.json({ ok: true });
  });

  hono.use('/api/*', async (context, next) => {
    const isRead = context.req.method === 'GET' || context.req.method === 'HEAD';
    if ((isRead && !protectReads) || isAuthorized(context, options)) return next();
    throw unauthorized();
  });
}

/** Whether who asks has shown the token. @throws {Refusal} after ten wrong ones. */
export function isAuthorized(context: PageContext, { access, cookie }: AuthorizationOptions): boolean {
  const [, token] = /^Bearer (.+)$/i.exec(context.req.header('authorization') ?? '') ?? [];
  if (token !== undefined) return access.isToken(token, addressOf(context));
  const session = getCookie(context, cookie());
  return session !== undefined && access.isSession(session);
}

function addressOf(context: PageContext): string {
  return context.env.incoming.socket.remoteAddress ?? '';
}

/** What is answered without the token. */
export function unauthorized(): Refusal {
  return new Refusal(401, 'ERR_TOKEN', 'It needs the token of the live page', {
    'www-authenticate': 'Bearer'
  });
}
