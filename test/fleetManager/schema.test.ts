import * as v from 'valibot';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import {
  limits,
  submitBatchEvent,
  ValidationError,
  withSchema,
  type DataOf,
  type FleetManager,
  type ResultOf
} from '../../src/index.ts';
import { gate, settled, startFleet } from '../harness.ts';

const image = z.object({
  url: z.url(),
  width: z.number().int().positive().default(800),
  at: z.string().transform((text) => text.length)
});
const handlers = {
  resize: withSchema(image, ({ url, width, at }) => `${url} ${width} ${at}`),
  mail: withSchema(v.object({ to: v.pipe(v.string(), v.toLowerCase()) }), async ({ to }) => to),
  plain: (data: { n: number }) => data.n
};
const good = { url: 'https://x.test/', at: 'four' };

describe('a handler with a schema', () => {
  it('has its data stored, and gets it, as the schema makes it', async () => {
    const { fleet } = await startFleet({ handlers });
    await fleet.submitBatch([{ id: 'a', type: 'resize', data: good }], { batchId: 'b' });
    await fleet.waitForBatch('b');

    expect((await fleet.getTask('b/a')).data).toEqual({ ...good, width: 800, at: 4 });
    expect(await fleet.getBatchResults('b')).toMatchObject([{ result: 'https://x.test/ 800 4' }]);
    expect(await fleet.submit('mail', { to: 'A@B.C' })).toBe('a@b.c');
  });

  it('refuses other data by the path of each issue, before anything is written', async () => {
    const { fleet } = await startFleet({ handlers });
    const tasks = [
      { id: 'a', type: 'resize' as const, data: good },
      { id: 'b', type: 'resize' as const, data: { url: 'nowhere', width: -1, at: 'x' } }
    ];

    const error = await rejection(fleet.submitBatch(tasks, { batchId: 'b' }));
    expect(error).toMatchObject({ code: 'ERR_VALIDATION', argument: 'tasks[1].data' });
    expect(error.issues.map(({ path }) => path)).toEqual(['.url', '.width']);
    expect(error.message).toContain('the schema of "resize" takes (.url: Invalid URL; .width: ');
    expect(await fleet.listBatches()).toEqual([]);
  });

  it('tells the first bad task of an array, also where the schema takes its time', async () => {
    const answers = [gate<number>(), gate<number>()];
    const { fleet } = await startFleet({
      handlers: {
        work: withSchema(
          z.number().refine((n) => answers[n]!.promise.then(() => false)),
          () => 0
        )
      }
    });
    const submitted = rejection(
      fleet.submitBatch([0, 1].map((n) => ({ id: `${n}`, type: 'work' as const, data: n })))
    );
    answers[1]!.open(1);
    await settled();
    answers[0]!.open(0);

    expect((await submitted).argument).toBe('tasks[0].data');
  });

  it('keeps the order of tasks, and validates few at once, where the schema takes its time', async () => {
    let running = 0;
    let most = 0;
    const slow = v.pipeAsync(
      v.number(),
      v.transformAsync(async (n) => {
        most = Math.max(most, ++running);
        await settled();
        running -= 1;
        return n * 2;
      })
    );
    const { fleet } = await startFleet({ handlers: { work: withSchema(slow, (n) => n) } });
    const tasks = Array.from({ length: 100 }, (_, n) => ({ id: `${n}`, type: 'work' as const, data: n }));
    await fleet.submitBatch(tasks, { batchId: 'b' });

    const stored = await fleet.listTasks({ batchId: 'b', limit: 100 });
    expect(stored.map(({ data }) => data)).toEqual(tasks.map(({ data }) => 2 * data));
    expect(most).toBe(16);
  });

  it('refuses a bad item of a stream by its index, and cancels the batch', async () => {
    const { fleet } = await startFleet({ handlers });
    await fleet.pause();
    const items = function* () {
      yield { id: 'a', type: 'plain' as const, data: { n: 1 } };
      yield { id: 'b', type: 'mail' as const, data: { to: 5 as unknown as string } };
    };
    const error = await rejection(fleet.submitBatch(items(), { batchId: 'b' }));
    expect(error.argument).toBe('tasks[1].data');
  });

  it('refuses the data of a single task', async () => {
    const { fleet } = await startFleet({ handlers });
    for (const submit of ['submit', 'submitAsync'] as const) {
      const error = await rejection(fleet[submit]('mail', { to: 1 as unknown as string }));
      expect(error).toMatchObject({ argument: 'options.data', issues: [{ path: '.to' }] });
    }
  });

  it('gets the stored data of a task that is retried, not what a schema would make of it again', async () => {
    let isBroken = true;
    const { fleet } = await startFleet({
      handlers: {
        work: withSchema(
          z.string().transform((text) => text.length),
          (length) => {
            if (isBroken) throw new Error('It fails');
            return length;
          }
        )
      },
      config: { maxRetries: 0 }
    });
    await fleet.submitBatch([{ id: 'a', type: 'work', data: 'four' }], { batchId: 'b' });
    await fleet.waitForBatch('b');
    isBroken = false;

    const again = await fleet.retryBatch('b');
    expect(await fleet.waitForBatch(again)).toMatchObject({ status: 'completed' });
    expect(await fleet.waitFor(await fleet.retryTask('b/a'))).toBe(4);
  });

  it('takes the same batch again for the same', async () => {
    const { fleet } = await startFleet({ handlers });
    const tasks = [{ id: 'a', type: 'resize' as const, data: good }];
    await fleet.submitBatch(tasks, { batchId: 'b' });
    await fleet.submitBatch(tasks, { batchId: 'b' });
    expect(await fleet.getStats()).toMatchObject({ totalTasks: 1 });
  });

  it('may leave its data out where the schema has a default', async () => {
    const { fleet } = await startFleet({
      handlers: { work: withSchema(z.number().default(7), (n) => n) }
    });
    expect(await fleet.submit('work', undefined)).toBe(7);
  });
});

describe('a schema', () => {
  it.each<[what: string, validate: (data: unknown) => unknown, told: string]>([
    ['throws', () => fail(new Error('out of\norder')), 'it failed: out of order'],
    ['rejects', () => Promise.reject(new Error('no luck')), 'it failed: no luck'],
    ['rejects with what is no error', () => Promise.reject(5 as unknown as Error), 'it failed: 5'],
    ['gives nothing', () => undefined, 'it failed: '],
    ['gives nothing in the end', () => Promise.resolve(null), 'it failed: '],
    ['gives issues that are none', () => ({ issues: 5 }), 'it failed: '],
    [
      'gives an unreadable result',
      () => new Proxy({}, { get: () => fail(new Error('hands off')) }),
      'hands off'
    ],
    ['makes what JSON has not', () => ({ value: { at: new Date(0) } }), 'a value that JSON can hold']
  ])('that %s has the task refused', async (_, validate, told) => {
    const { fleet } = await startFleet({ handlers: { work: withSchema(schemaOf(validate), () => 0) } });
    const error = await rejection(fleet.submitAsync('work', 1));

    expect(error).toBeInstanceOf(ValidationError);
    expect(error.message).toContain(told);
    expect(await fleet.listTasks()).toEqual([]);
  });

  it('that throws is the cause of the refusal', async () => {
    const cause = new Error('out of order');
    const { fleet } = await startFleet({
      handlers: {
        work: withSchema(
          schemaOf(() => fail(cause)),
          () => 0
        )
      }
    });
    expect((await rejection(fleet.submitAsync('work', 1))).cause).toBe(cause);
  });

  it('that never settles is waited for up to a limit, or until the signal of the caller', async () => {
    const { fleet, clock } = await startFleet({
      handlers: {
        work: withSchema(
          schemaOf(() => new Promise(() => {})),
          () => 0
        )
      }
    });
    const submitted = rejection(fleet.submitBatch([{ id: 'a', type: 'work', data: 1 }]));
    await clock.advance(limits.schemaMs);
    expect(await submitted).toMatchObject({ code: 'ERR_VALIDATION', argument: 'tasks[0].data' });

    const controller = new AbortController();
    const waiting = rejection(fleet.submit('work', 1, { signal: controller.signal }));
    const reason = new Error('changed my mind');
    controller.abort(reason);
    expect(await waiting).toBe(reason);
    expect(clock.pending).toBe(0);
  });

  it('has its issues told in bounds', async () => {
    const issues = Array.from({ length: 12 }, (_, n) => ({
      message: `${'long '.repeat(100)}\u202E${n}`,
      path: ['a b', { key: n }, ...Array.from({ length: 100 }, () => 'deep')]
    }));
    const { fleet } = await startFleet({
      handlers: {
        work: withSchema(
          schemaOf(() => ({ issues })),
          () => 0
        )
      }
    });
    const error = await rejection(fleet.submitAsync('work', 1));

    expect(error.issues).toHaveLength(10);
    expect(error.issues[1]!.path).toMatch(/^\["a b"\]\[1\]\.deep/);
    expect(error.message).toContain('; and 2 more)');
    expect(error.message.length).toBeLessThan(5_000);
    expect(error.message).not.toContain('\u202E');
  });

  it.each<[what: string, schema: unknown]>([
    ['nothing', undefined],
    ['no schema', {}],
    ['one of another version', { '~standard': { version: 2, validate: () => {} } }],
    ['one that cannot validate', { '~standard': { version: 1 } }]
  ])('is refused that is %s', async (_, schema) => {
    const make = () => withSchema(schema as z.ZodNumber, () => 0);
    expect(make).toThrow(ValidationError);
    const work = Object.assign(() => 0, { schema });
    await expect(startFleet({ handlers: { work } })).rejects.toMatchObject({
      argument: 'options.handlers.work.schema'
    });
  });

  it('that cannot be read off its handler is refused, and an inherited one is none', async () => {
    const work = new Proxy(() => 0, { getOwnPropertyDescriptor: () => fail(new Error('hands off')) });
    await expect(startFleet({ handlers: { work } })).rejects.toMatchObject({
      argument: 'options.handlers.work'
    });
    const heir = Object.setPrototypeOf(() => 1, { schema: {} }) as () => number;
    const { fleet } = await startFleet({ handlers: { heir } });
    expect(await fleet.submit('heir', null)).toBe(1);
  });
});

describe('an event that submits a batch', () => {
  const tasks = (data: unknown) => [{ id: 'a', type: 'mail', data }];

  it('has its data validated where the handlers are given', () => {
    const { tasks: stored } = submitBatchEvent('b', tasks({ to: 'A@B.C' }), { handlers });
    expect(stored.map(({ data }) => data)).toEqual(['{"to":"a@b.c"}']);
    expect(() => submitBatchEvent('b', tasks({ to: 5 }), { handlers })).toThrow('tasks[0].data is ');
    expect(submitBatchEvent('b', tasks({ to: 5 })).tasks).toHaveLength(1);
  });

  it('is refused where a schema takes its time', () => {
    const mail = withSchema(
      v.pipeAsync(
        v.number(),
        v.checkAsync(() => Promise.resolve(false))
      ),
      () => 0
    );
    expect(() => submitBatchEvent('b', tasks(5), { handlers: { mail } })).toThrow('answers at once');
  });
});

describe('the types of a handler with a schema', () => {
  it('are the input of the schema for who submits, and its output for the handler', () => {
    expectTypeOf<DataOf<(typeof handlers)['resize']>>().toEqualTypeOf<{
      url: string;
      width?: number | undefined;
      at: string;
    }>();
    expectTypeOf<ResultOf<(typeof handlers)['mail']>>().toEqualTypeOf<string>();
    expectTypeOf<DataOf<(typeof handlers)['plain']>>().toEqualTypeOf<{ n: number }>();
    withSchema(image, (data) => {
      expectTypeOf(data).toEqualTypeOf<{ url: string; width: number; at: number }>();
    });
    const misuse = (fleet: FleetManager<typeof handlers>) => {
      // @ts-expect-error -- the schema takes a string
      void fleet.submit('resize', { ...good, at: 4 });
      // @ts-expect-error -- the schema takes a string
      void fleet.submitBatch([{ id: 'a', type: 'mail', data: { to: 1 } }]);
    };
    expect(misuse).toBeTypeOf('function');
  });
});

function fail(error: Error): never {
  throw error;
}

/** A schema of no library. */
function schemaOf(validate: (data: unknown) => unknown) {
  return {
    '~standard': { version: 1 as const, vendor: 'test', validate: validate as () => { value: number } }
  };
}

async function rejection(promise: Promise<unknown>): Promise<ValidationError> {
  try {
    await promise;
  } catch (error) {
    return error as ValidationError;
  }
  throw new Error('It did not reject');
}
