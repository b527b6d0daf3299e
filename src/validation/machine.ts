import type { AnyStateMachine } from 'xstate';
import { refuse } from './validation.ts';

/** By its shape: whoever made it may have a copy of XState of their own. */
export function isMachine(value: unknown): value is AnyStateMachine {
  return (
    typeof value === 'object' &&
    value !== null &&
    'root' in value &&
    'implementations' in value &&
    'getStateNodeById' in value &&
    typeof value.getStateNodeById === 'function'
  );
}

/** @throws {ValidationError} */
export function assertMachine(argument: string, value: unknown): asserts value is AnyStateMachine {
  if (!isMachine(value)) {
    refuse(argument, value, 'what `createMachine` or `setup().createMachine` returns');
  }
}
