/** A step of a machine under way, as guards and actions are given it. */
export interface ChartStep {
  context: Record<string, unknown>;
  readonly event: { readonly type: string };
}

/** Assigns to the context of the step, which is its own: a copy that nobody else has. */
export type Assignment<TStep extends ChartStep> = (step: TStep, params: unknown) => void;

/** An action or a guard of a chart: its name, with its params. */
export interface NamedReference {
  readonly type: string;
  readonly params?: unknown;
}

/** What `assign()` of XState returns. */
interface Assign {
  readonly type: 'xstate.assign';
  readonly assignment: unknown;
}

type Expression = (step: ChartStep, params: unknown) => unknown;

/** What an `assign()` of XState does, as it does it, but into the context that is there. `null`: it is no `assign()`. */
export function compileAssignment<TStep extends ChartStep>(
  implementation: unknown
): Assignment<TStep> | null {
  const { type, assignment } = implementation as Partial<Assign>;
  if (type !== 'xstate.assign') return null;
  if (typeof assignment === 'function') {
    return (step, params) => {
      Object.assign(step.context, (assignment as Expression)(step, params));
    };
  }
  const fields = Object.entries(assignment as Record<string, unknown>);
  // Of the step under way. One array for all of them: no assigner takes a step.
  const values: unknown[] = fields.map(() => null);
  return (step, params) => {
    for (let index = 0; index < fields.length; index++) {
      const value = fields[index]![1];
      values[index] = typeof value === 'function' ? (value as Expression)(step, params) : value;
    }
    // Written last: all values come from the context as it was before this action.
    for (let index = 0; index < fields.length; index++) step.context[fields[index]![0]] = values[index];
  };
}

/** Params as they are given, or as the step has them. */
export function paramsOf<TStep extends ChartStep>(params: unknown, step: TStep): unknown {
  return typeof params === 'function' ? (params as (step: TStep) => unknown)(step) : params;
}

/** The name and the params of an action or a guard; `null`: it is inline. */
export function namedReference(reference: unknown): NamedReference | null {
  if (typeof reference === 'string') return { type: reference };
  if (typeof reference === 'object' && reference !== null && 'type' in reference) {
    return reference as NamedReference;
  }
  return null;
}
