import type { Hono } from 'hono';
import { askedId } from './askedId.ts';
import type { EventStreams } from './eventStreams.ts';
import { ListQueries, type Query } from './listQueries.ts';
import type { PageContext, PageEnv } from './pageEnv.ts';
import { Places } from './places.ts';
import type { ServedFleet } from './servedFleet.ts';
import type { ShownValues } from './shownValues.ts';

/** At once: each reads up to a thousand rows. */
const maxReads = 16;

export interface ReadRouteOptions {
  readonly fleet: ServedFleet;
  readonly streams: EventStreams;
  /** Makes what shows the values of one answer. */
  readonly shown: () => ShownValues;
}

export function addReadRoutes(hono: Hono<PageEnv>, { fleet, streams, shown }: ReadRouteOptions): void {
  const lists = new ListQueries(fleet, shown);
  const places = new Places(maxReads);

  hono.get('/api/events', (context) => {
    const headers = { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no', connection: 'close' };
    if (context.req.method === 'HEAD') return context.body(null, 200, headers);
    return context.body(streams.open(), 200, headers);
  });

  const read = (path: string, reader: (query: Query, context: PageContext) => Promise<unknown>): void => {
    hono.get(path, async (context) =>
      context.json(await places.during(() => reader((name) => context.req.query(name), context)))
    );
  };
  read('/api/batches', (query) => lists.batches(query));
  read('/api/tasks', (query) => lists.tasks(query));
  read('/api/results', (query) => lists.results(query));
  read('/api/tasks/:id', async (_, context) => {
    const key = askedId(context);
    const [view, snapshot] = await Promise.all([fleet.getTask(key), fleet.getTaskSnapshot(key)]);
    const values = shown();
    return { view: values.task(view), snapshot: values.snapshot(snapshot) };
  });
}
