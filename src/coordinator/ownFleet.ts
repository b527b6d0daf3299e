import type { HealthPolicy } from '../../machines/coordinatorMachine.ts';
import type { CoordinatorAgent, CoordinatorOptions } from '../coordinatorAgent.ts';
import { FleetManager } from '../fleetManager.ts';
import { readOptions } from '../validation.ts';
import type { CoordinatorHost } from './fleetCoordination.ts';

/** How long a coordinator that serves no fleet keeps results, within a minute; the summary goes on counting them. */
export interface ResultRetention {
  /** Those go that were received longer ago than this, ms. Finite, >= 0; `null`: none, the default. */
  readonly maxAgeMs: number | null;
  /** Those go after which so many have come. Integer >= 0; `null`: none, the default. */
  readonly maxResults: number | null;
}

/** The policies of a coordinator that serves no fleet, as it is declared with them. */
export interface ResultPolicies {
  readonly retention?: Partial<ResultRetention>;
  readonly health?: Partial<HealthPolicy>;
}

/**
 * The fleet of a coordinator that serves none: it has no types of tasks, so its one worker stays idle.
 *
 * So results that come from everywhere are committed, recovered and removed by the very code of a fleet.
 *
 * @throws {ValidationError} by the name of the option.
 */
export function createOwnFleet(
  agent: CoordinatorAgent,
  { name = 'coordinator', retention = {}, health = {}, ...options }: Omit<CoordinatorOptions, 'host'>
): { readonly fleet: FleetManager; readonly host: CoordinatorHost } {
  let host!: CoordinatorHost;
  const fleet = new FleetManager({
    ...options,
    name,
    handlers: {},
    config: {
      maxConcurrentWorkers: 1,
      retention: readOptions('retention', retention, ['maxAgeMs', 'maxResults']),
      health
    },
    coordinator: (given) => {
      host = given.host!;
      return agent;
    }
  });
  return { fleet, host };
}
