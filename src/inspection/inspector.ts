import type { InspectionEvent, Observer } from 'xstate';
import { refuse } from '../validation/validation.ts';

/** What XState takes as `inspect`: a function, or an observer, such as the `inspect` of `@statelyai/inspect`. */
export type Inspector = Observer<InspectionEvent> | ((event: InspectionEvent) => void);

/** The inspector as a function. @throws {ValidationError} */
export function readInspector(argument: string, inspector: Inspector): (event: InspectionEvent) => void {
  if (typeof inspector === 'function') return inspector;
  let next: unknown;
  try {
    next = inspector.next;
  } catch {
    next = undefined;
  }
  if (typeof next !== 'function')
    refuse(argument, inspector, 'a function, or an observer with a `next` method');
  return (event) => inspector.next!(event);
}

/** All of them, in this order, as one. */
export function inspectedBy(
  inspectors: readonly ((event: InspectionEvent) => void)[]
): (event: InspectionEvent) => void {
  if (inspectors.length === 1) return inspectors[0]!;
  return (event) => {
    for (const inspect of inspectors) inspect(event);
  };
}
