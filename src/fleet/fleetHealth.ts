import type { FleetSnapshot } from '../../machines/fleetMachine.ts';

/** Whether a fleet can take work now. */
export interface FleetHealth {
  readonly fleet: string;
  readonly isReady: boolean;
  /** What it is doing: a state of the fleet's chart, or `stopped`. */
  readonly state: string;
  /** Why it is not ready; `null`: it is. */
  readonly reason: string | null;
}

/** Running or paused, and the store takes commits. @param snapshot - `null`: it does not run. */
export function healthOf(fleet: string, snapshot: FleetSnapshot | null): FleetHealth {
  const state = snapshot === null ? 'stopped' : snapshot.value.operation;
  const reason = reasonOf(state, snapshot);
  return { fleet, isReady: reason === null, state, reason };
}

function reasonOf(state: string, snapshot: FleetSnapshot | null): string | null {
  if (state !== 'running' && state !== 'paused') return `The fleet is ${state}`;
  // Its code alone: the message may say where the store is.
  if (snapshot?.hasTag('degraded')) {
    return `The store is unavailable: ${snapshot.context.problem?.code ?? 'it does not answer'}`;
  }
  return null;
}
