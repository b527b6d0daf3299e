import type { AnyStateMachine } from 'xstate';
import { pathOf } from '../charts/statePaths.ts';
import { ValidationError } from '../errors.ts';
import { quote } from '../validation/show.ts';
import { statesOf } from './edges.ts';

/**
 * A state that is misspelt would be looked at never, and its test could not fail.
 *
 * @throws {ValidationError} when a path is neither that of a state of the machine nor `*`.
 */
export function assertStatesKnown(
  machine: AnyStateMachine,
  argument: string,
  paths: readonly string[]
): void {
  const known = new Set(['*', ...statesOf(machine).map(pathOf)]);
  for (const path of paths) {
    if (known.has(path)) continue;
    throw new ValidationError(argument, quote(path), `\`*\`, or one of ${[...known].slice(1).join(', ')}`);
  }
}
