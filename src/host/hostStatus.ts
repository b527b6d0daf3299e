import type { HostedFleetState } from '../../machines/hostedFleetMachine.ts';
import type { StoreReader } from '../store.ts';
import { seatPrefix } from './hostConfig.ts';
import { readSeats, type SeatedHost } from './seats.ts';

/** Who owns what, as the store says. */
export interface Owners {
  /** The hosts that live, in the order of their groups and seats. */
  readonly hosts: readonly SeatedHost[];
  readonly fleets: readonly FleetOwner[];
}

export interface FleetOwner {
  readonly name: string;
  /** The process that runs it; `null`: nobody does. */
  readonly owner: string | null;
}

/** What a host tells of itself and of the others. */
export interface HostStatus extends Owners {
  /** The place of this host among the others; `null` while it has none. */
  readonly seat: number | null;
  readonly fleets: readonly (FleetOwner & {
    /** What the fleet is doing on this host. */
    readonly state: HostedFleetState;
    /** Why it does not run here; `null`: there is no reason that should be mended. */
    readonly problem: string | null;
  })[];
}

/**
 * @param names - The fleets that are asked for. Defaults to all that the store holds.
 * @param group - Of the hosts. Defaults to all.
 */
export async function readOwners(
  store: StoreReader,
  names?: readonly string[],
  group?: string
): Promise<Owners> {
  const scopes = await store.listScopes();
  const asked = names ?? scopes.filter((scope) => !scope.startsWith(seatPrefix));
  const [hosts, fleets] = await Promise.all([
    readSeats(store, scopes, group),
    Promise.all(asked.map(async (name) => ({ name, owner: await store.readOwner(name) })))
  ]);
  return { hosts, fleets };
}
