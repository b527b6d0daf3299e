import { CoordinatorAgent, type CoordinatorOptions } from '../coordinatorAgent.ts';
import { refuse } from '../validation.ts';
import type { CoordinatorHost } from './fleetCoordination.ts';

/** Makes the coordinator of a fleet. @throws {ValidationError} unless `create` makes one. */
export function createCoordinator(
  host: CoordinatorHost,
  create: (options: CoordinatorOptions) => CoordinatorAgent = createAgent
): CoordinatorAgent {
  if (typeof create !== 'function') refuse('options.coordinator', create, 'a function');
  const agent: unknown = create({ host });
  if (agent instanceof CoordinatorAgent) return agent;
  return refuse('options.coordinator', agent, 'a function that makes a CoordinatorAgent');
}

const createAgent = (options: CoordinatorOptions): CoordinatorAgent => new CoordinatorAgent(options);
