import { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { FleetError, withSchema, type FleetManager, type HandlerContext } from 'xstate-fleet';
import { z } from 'zod';

const question = z.object({ text: z.string().min(1).max(10_000) });

/** What the agent of this app does. What a client sends is looked at before anything is stored. */
export const agent = withSchema(question, runAgent);

/** It takes a while, and obeys when it is told to stop. */
async function runAgent(
  { text }: z.output<typeof question>,
  { signal }: HandlerContext
): Promise<{ answer: string }> {
  for (const _ of text.split(' ')) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    signal.throwIfAborted();
  }
  return { answer: text.split(' ').toReversed().join(' ') };
}

export type Question = z.input<typeof question>;

export type AgentFleet = FleetManager<{ agent: typeof agent }>;

/** The routes of the app over a fleet that somebody else starts and stops. */
export function createApp(fleet: AgentFleet): Hono {
  const app = new Hono();

  // Waits for the answer. A client that goes away takes its wait with it, not the task.
  app.post('/run', async (context) => {
    const data = await context.req.json<Question>();
    return context.json(await fleet.submit('agent', data, { signal: context.req.raw.signal }));
  });

  // Takes the work, and says where to ask for it.
  app.post('/batches', async (context) => {
    const questions = await context.req.json<readonly Question[]>();
    const tasks = questions.map((data, index) => ({ id: String(index), type: 'agent' as const, data }));
    const id = await fleet.submitBatch(tasks);
    return context.json({ id }, 202, { location: `/batches/${id}` });
  });

  app.get('/batches/:id', async (context) =>
    context.json(await fleet.getBatchStatus(context.req.param('id')))
  );

  app.get('/batches/:id/results', async (context) =>
    context.json(await fleet.getBatchResults(context.req.param('id')))
  );

  app.delete('/batches/:id', async (context) =>
    context.json({ cancelled: await fleet.cancelBatch(context.req.param('id')) })
  );

  app.onError((error, context) => {
    if (error instanceof SyntaxError) return context.json({ error: 'The body is no JSON' }, 400);
    if (!(error instanceof FleetError)) throw error;
    return context.json({ code: error.code, error: error.message }, statusOf(error.code));
  });

  return app;
}

const statuses: Readonly<Record<string, ContentfulStatusCode>> = {
  ERR_VALIDATION: 400,
  ERR_NOT_FOUND: 404,
  ERR_CONFLICT: 409,
  ERR_QUEUE_FULL: 429,
  ERR_TASK_FAILED: 502,
  ERR_TASK_CANCELLED: 410,
  ERR_NOT_RUNNING: 503
};

function statusOf(code: string): ContentfulStatusCode {
  return statuses[code] ?? 500;
}
