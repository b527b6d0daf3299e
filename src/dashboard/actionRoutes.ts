import type { Hono } from 'hono';
import type { Clock } from '../clock.ts';
import { askedId } from './askedId.ts';
import type { PageEnv } from './pageEnv.ts';
import { Places } from './places.ts';
import { Refusal } from './refusal.ts';
import { readJsonBody } from './requestBody.ts';
import type { ServedFleet } from './servedFleet.ts';

/** At once: the fleet's turns have other work too. */
const maxActions = 64;
/** How long an answer waits for what is done, ms. */
const answerWithinMs = 20_000;

type Body = Readonly<Record<string, unknown>>;

export function addActionRoutes(hono: Hono<PageEnv>, fleet: ServedFleet, clock: Clock): void {
  const places = new Places(maxActions);

  const act = (path: string, action: (id: string, body: Body) => Promise<object | void>): void => {
    hono.post(path, async (context) => {
      const body = await readJsonBody(context.req.raw);
      const done = await inTime(
        places.during(() => action(askedId(context), body)),
        clock
      );
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
  act('/api/workers/scale', (_, { count }) => fleet.scaleWorkers(count as number));
}

/** A copy may wait for room in the queue for as long as that is full: its asker need not. It keeps its place. */
async function inTime<T>(done: Promise<T>, clock: Clock): Promise<T> {
  let alarm: Disposable | undefined;
  const late = new Promise<never>((_, reject) => {
    const refusal = new Refusal(503, 'ERR_TIMEOUT', 'It is not done yet, and goes on; look for it later');
    alarm = clock.setAlarm(() => reject(refusal), answerWithinMs);
  });
  try {
    return await Promise.race([done, late]);
  } finally {
    alarm?.[Symbol.dispose]();
  }
}
