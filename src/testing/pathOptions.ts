import type { AnyStateMachine } from 'xstate';
import { assertMachine } from '../validation/machine.ts';
import { showKey } from '../validation/show.ts';
import { assertFunction, assertObject, readFields, readOptions, refuse } from '../validation/validation.ts';
import type { EdgeTestOptions, PathOptions } from './edgeTests.ts';
import type { InvariantOptions } from './invariants.ts';

/**
 * What a search is asked for. What is misspelt here would be looked for never, and its test could not fail.
 *
 * @throws {ValidationError}
 */
export function readPathOptions<TMachine extends AnyStateMachine, TOptions extends PathOptions<TMachine>>(
  machine: TMachine,
  options: TOptions
): TOptions {
  assertMachine('machine', machine);
  const given = readOptions('options', options, optionNames);
  const { events, inputs = [], from = [], actors = {}, serializeState } = given;
  for (const [type, cases = []] of Object.entries<unknown>(readFields('events', events))) {
    readCases(type, cases);
  }
  readList('inputs', inputs);
  readList('from', from);
  for (const [name, outcome] of Object.entries(readFields('actors', actors))) {
    const argument = `actors${showKey(name)}`;
    const lists = readOptions(argument, outcome, ['outputs', 'errors', 'snapshots']);
    for (const [kind, list = []] of Object.entries(lists)) readList(`${argument}.${kind}`, list);
  }
  if (serializeState !== undefined) assertFunction('serializeState', serializeState);
  return given;
}

/** @throws {ValidationError} unless it is an array. */
export function readList(argument: string, value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : refuse(argument, value, 'an array');
}

/** @throws {ValidationError} unless all that is in an object is functions. */
export function assertFunctions(argument: string, value: object): void {
  for (const [key, each] of Object.entries(readFields(argument, value))) {
    assertFunction(`${argument}${showKey(key)}`, each);
  }
}

/** Those of tests and of invariants: one object may be handed to both. */
const optionNames = [
  'events',
  'input',
  'inputs',
  'from',
  'actors',
  'serializeState',
  'limit',
  'allowUnreached',
  'restingStates',
  'requiredEvents'
] satisfies (keyof EdgeTestOptions<AnyStateMachine> | keyof InvariantOptions<AnyStateMachine>)[];

function readCases(type: string, cases: unknown): void {
  const argument = `events${showKey(type)}`;
  if (!Array.isArray(cases))
    refuse(argument, cases, 'an array of payloads, `[{}]` for an event that has none');
  for (const [index, payload] of (cases as readonly unknown[]).entries()) {
    if (typeof payload !== 'function') assertObject(`${argument}[${index}]`, payload);
  }
}
