import type { CoordinatorAgent, CoordinatorOptions } from '../coordinator/coordinatorAgent.ts';
import { fleetOptionNames, type FleetOptions } from '../createFleet.ts';
import type { Handlers } from '../handlers/handler.ts';
import type { InspectionOptions } from '../inspection/inspection.ts';

export interface FleetManagerOptions<
  THandlers extends Handlers = Handlers,
  TCoordinator extends CoordinatorAgent = CoordinatorAgent
>
  extends FleetOptions<THandlers>, InspectionOptions {
  /** Passed to XState: gets what a `log` action writes. Defaults to `console.log`. */
  readonly logger?: (...args: readonly unknown[]) => void;
  /** Passed to XState: names the fleet's actor in its system. */
  readonly systemId?: string;
  /** Told what a subscriber of events threw. Defaults to a warning of the process. */
  readonly onListenerError?: (error: unknown) => void;
  /**
   * Makes the fleet's coordinator, with the options that it is called with: `(options) => new MyCoordinator(options)`.
   * Defaults to a `CoordinatorAgent`.
   */
  readonly coordinator?: (options: CoordinatorOptions) => TCoordinator;
  /**
   * A file to record the run to, turn by turn, for `xstate-fleet replay`. One of the same fleet is gone on with. Nothing
   * of what tasks carry, return or log is recorded, nor any metadata. Defaults to none.
   */
  readonly record?: string;
}

export const managerOptionNames = [
  ...fleetOptionNames,
  'inspect',
  'inspectRows',
  'logger',
  'systemId',
  'onListenerError',
  'coordinator',
  'record'
] satisfies (keyof FleetManagerOptions)[];
