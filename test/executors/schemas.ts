// Handlers with schemas, for every executor. They run in this process, in a thread, in a process of their own.
import { setImmediate as soon } from 'node:timers/promises';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import * as v from 'valibot';
import type { HandlerContext } from '../../src/handlers/handler.ts';
import { withSchema } from '../../src/submission/schema.ts';
import { block as blocking } from './handlers.ts';

const image = v.object({
  url: v.pipe(v.string(), v.url('Invalid URL')),
  width: v.optional(v.pipe(v.number(), v.minValue(1)), 800),
  at: v.pipe(
    v.date(),
    v.transform((date) => date.toISOString())
  )
});

export const resize = withSchema(image, (data) => data);

/** Takes its time, the longer the smaller the number is. */
const number = v.pipeAsync(
  v.number(),
  v.transformAsync(async (n) => {
    for (let rounds = n; rounds < 20; rounds++) await soon();
    return n * 2;
  }),
  v.check((n) => n !== 26, 'is unlucky')
);

export const double = withSchema(number, (n) => n);

export const optional = withSchema(v.optional(v.number(), 7), (n) => n);

/** Fails in the first attempt of each task. */
export const measure = withSchema(
  v.pipe(
    v.string(),
    v.transform((text) => text.length)
  ),
  (length, { task }) => {
    if (!task.key.startsWith('again')) throw new Error('It fails');
    return length;
  }
);

/** Does what its data says. */
const odd = schemaOf((data) => {
  switch (data) {
    case 'throw':
      throw Object.assign(new RangeError('out of\norder'), { code: 'E_ORDER' });
    case 'throw a number':
      // oxlint-disable-next-line typescript/only-throw-error -- schemas may
      throw 5;
    case 'reject':
      return Promise.reject(new Error('no luck'));
    case 'nothing':
      return undefined;
    case 'no issues':
      return { issues: 5 };
    case 'date':
      return { value: { at: new Date(0) } };
    case 'function':
      return { value: () => 0 };
    case 'symbol':
      return { issues: [{ message: 'has a symbol', path: [Symbol('at'), { key: 'b' }, 2] }] };
    case 'undefined':
      return { value: undefined };
    case 'hang':
      return new Promise(() => {});
    case 'exit':
      return process.exit(5);
    default:
      for (;;);
  }
});

export const obey = withSchema(odd, (data) => data);

export const plain = (data: unknown): unknown => data;

export const block = (data: null, context: HandlerContext): never => blocking(data, context);

/** A schema of no library. */
function schemaOf(validate: (data: unknown) => unknown) {
  return {
    '~standard': { version: 1, vendor: 'test', validate: validate as () => StandardSchemaV1.Result<unknown> }
  } as const satisfies StandardSchemaV1;
}
