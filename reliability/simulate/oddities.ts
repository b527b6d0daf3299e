import { NonRetryableError } from '../../src/index.ts';

/**
 * What handlers throw, among it what is no error and what breaks when it is looked at.
 *
 * Made once: the stack of an error is the dearest part of a failed attempt.
 */
export const thrown: readonly unknown[] = [
  new Error('no luck'),
  'a string',
  undefined,
  null,
  Object.freeze(new Error('frozen')),
  new NonRetryableError('never'),
  new Proxy(new Error('hidden'), { get: breaks, getPrototypeOf: breaks }),
  Object.defineProperty(new Error('unreadable'), 'message', { get: breaks }),
  Object.assign(new Error('cyclic'), { cause: cyclic() }),
  Symbol('no error')
];

/** What handlers return that no store can hold. */
export const unstorable: readonly unknown[] = [
  1n,
  breaks,
  Symbol('no JSON'),
  cyclic(),
  Object.defineProperty({}, 'value', { enumerable: true, get: breaks }),
  { deep: [{ deeper: 1n }] }
];

function breaks(): never {
  throw new Error('It breaks when it is looked at');
}

function cyclic(): object {
  const value: { self?: object } = {};
  value.self = value;
  return value;
}
