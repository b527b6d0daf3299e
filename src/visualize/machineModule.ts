import type { AnyStateMachine } from 'xstate';

/** The machines that a module exports, by name, in the order of the module. */
export function machinesOf(module: Readonly<Record<string, unknown>>): Map<string, AnyStateMachine> {
  const machines = new Map<string, AnyStateMachine>();
  for (const [name, value] of Object.entries(module)) {
    if (isMachine(value)) machines.set(name, value);
  }
  return machines;
}

/** By its shape: a module may have brought a copy of XState of its own. */
function isMachine(value: unknown): value is AnyStateMachine {
  return (
    typeof value === 'object' &&
    value !== null &&
    'root' in value &&
    'implementations' in value &&
    'getStateNodeById' in value &&
    typeof value.getStateNodeById === 'function'
  );
}
