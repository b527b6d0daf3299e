import type { InspectionEvent } from 'xstate';
import type { FleetEvents } from '../fleet/fleetEvents.ts';
import { refuse } from '../validation/validation.ts';
import { readInspector, type Inspector } from './inspector.ts';
import { resolveRowSamples, type RowSamples } from './rowSamples.ts';
import { ShadowActors } from './shadowActors.ts';

export interface InspectionOptions {
  /**
   * Passed to XState, which has it see every event of every actor: a function, or an observer. Costs time with each of
   * them. What it throws goes to `onListenerError`.
   */
  readonly inspect?: Inspector;
  /**
   * Which tasks, batches and schedules `inspect` sees as if they were actors. Defaults to at most 20 tasks, 5 batches
   * and 5 schedules at a time; `false`: none.
   */
  readonly inspectRows?: RowSamples | false;
}

/** Who looks into a fleet, and how. */
export interface Inspection {
  readonly inspect: (event: InspectionEvent) => void;
  /** `null`: nobody looks at rows. */
  readonly shadows: ShadowActors | null;
}

/** Validates the options. `null`: nobody inspects. @throws {ValidationError} */
export function readInspection(
  inspect: InspectionOptions['inspect'],
  inspectRows: InspectionOptions['inspectRows'],
  events: FleetEvents
): Inspection | null {
  if (inspect === undefined) {
    if (inspectRows !== undefined)
      refuse('options.inspectRows', inspectRows, 'absent where inspect is not given');
    return null;
  }
  const read = readInspector('options.inspect', inspect);
  if (inspectRows === false) return { inspect: read, shadows: null };
  const shadows = new ShadowActors(resolveRowSamples(inspectRows ?? {}), events.guarded(read));
  return { inspect: read, shadows };
}
