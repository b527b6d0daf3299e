import type { AnyStateMachine } from 'xstate';
import {
  checkInvariants,
  edgeTests,
  type EdgeTest,
  type Finding,
  type InvariantOptions
} from 'xstate-fleet/testing';

/** A machine of ours with what may happen to it. */
export interface Model {
  readonly name: string;
  readonly machine: AnyStateMachine;
  /** Paths to every edge, found anew with each call. */
  tests(): readonly EdgeTest[];
  findings(): readonly Finding[];
}

export function modelOf<TMachine extends AnyStateMachine>(
  machine: TMachine,
  options: InvariantOptions<TMachine>
): Model {
  return {
    name: machine.id,
    machine,
    tests: () => edgeTests(machine, options) as unknown as readonly EdgeTest[],
    findings: () => checkInvariants(machine, options)
  };
}
