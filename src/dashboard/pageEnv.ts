import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';

/** What the routes of a page are given beside the request. */
export interface PageEnv {
  Bindings: HttpBindings;
}

export type PageContext = Context<PageEnv>;
