import type { AnyStateMachine } from 'xstate';
import { isMachine } from '../validation/machine.ts';

/**
 * The machines that a module exports, by name; each once.
 *
 * A default export is called by its machine's id. One that is no machine is looked into: a CommonJS module has all that
 * it exports there.
 */
export function machinesOf(module: Readonly<Record<string, unknown>>): Map<string, AnyStateMachine> {
  const machines = new Map<string, AnyStateMachine>();
  const seen = new Set<unknown>();
  for (const [name, value] of [...entriesOf(module), ...entriesOf(module.default)]) {
    if (!isMachine(value) || seen.has(value)) continue;
    seen.add(value);
    machines.set(isDefault(name) && !machines.has(value.id) ? value.id : name, value);
  }
  return machines;
}

/** Named exports before a default one: its machine may have a name besides. */
function entriesOf(exported: unknown): [string, unknown][] {
  if (typeof exported !== 'object' || exported === null || isMachine(exported)) return [];
  return Object.entries(exported).toSorted(([a], [b]) => Number(isDefault(a)) - Number(isDefault(b)));
}

/** Node 23 and later give a CommonJS module the second one besides. */
function isDefault(name: string): boolean {
  return name === 'default' || name === 'module.exports';
}
