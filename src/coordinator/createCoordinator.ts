import { assertFunction, refuse } from '../validation/validation.ts';
import { CoordinatorAgent, type CoordinatorOptions } from './coordinatorAgent.ts';
import type { CoordinatorHost } from './fleetCoordination.ts';

/** Makes the coordinator of a fleet. @throws {ValidationError} unless `create` makes one. */
export function createCoordinator<TCoordinator extends CoordinatorAgent>(
  host: CoordinatorHost,
  create: ((options: CoordinatorOptions) => TCoordinator) | undefined
): TCoordinator {
  // Without one that makes another, `TCoordinator` is what it defaults to.
  if (create === undefined) return new CoordinatorAgent({ host }) as TCoordinator;
  assertFunction('options.coordinator', create);
  const agent = create({ host });
  if (agent instanceof CoordinatorAgent) return agent;
  return refuse('options.coordinator', agent, 'a function that makes a CoordinatorAgent');
}
