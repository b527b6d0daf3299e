import type { CoordinatorAgent, CoordinatorOptions } from '../coordinator/coordinatorAgent.ts';
import { fleetOptionNames, type FleetOptions } from '../createFleet.ts';
import type { FleetTelemetry } from '../fleetTelemetry.ts';
import type { Handlers } from '../handlers/handler.ts';
import type { InspectionOptions } from '../inspection/inspection.ts';
import type { FleetLogger } from '../logging/fleetLogger.ts';

export interface FleetManagerOptions<
  THandlers extends Handlers = Handlers,
  TCoordinator extends CoordinatorAgent = CoordinatorAgent
>
  extends FleetOptions<THandlers>, InspectionOptions {
  /**
   * An object such as pino's gets what happens, as records with fields. A function is passed to XState instead: it gets
   * what a `log` action writes. Defaults to `console.log` for that, and to no records.
   */
  readonly logger?: FleetLogger | ((...args: readonly unknown[]) => void);
  /**
   * Records about single tasks and workers that a `logger` gets within a second, for each level; what is left out is
   * counted in the next one. Integer >= 0, or `Infinity`: all. Defaults to 100. Needs a `logger` that is an object.
   */
  readonly logRate?: number;
  /** Measures and traces the fleet: `createTelemetry()` of `xstate-fleet/telemetry`. Defaults to none. */
  readonly telemetry?: FleetTelemetry;
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
  'logRate',
  'telemetry',
  'systemId',
  'onListenerError',
  'coordinator',
  'record'
] satisfies (keyof FleetManagerOptions)[];
