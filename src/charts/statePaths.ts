import type { AnyStateNode } from 'xstate';

/** Path of a state: its keys from the machine's root, with dots; of the root, empty. */
export function pathOf({ path }: AnyStateNode): string {
  return path.join('.');
}

/** Paths of the innermost states of a state value, one for each region, in the chart's order. */
export function activePathsOf(root: AnyStateNode, value: unknown): string[] {
  if (typeof value === 'string') return activePathsOf(root.states[value]!, {});
  const inner = Object.values(root.states).filter(({ key }) => Object.hasOwn(value as object, key));
  if (inner.length === 0) return [pathOf(root)];
  return inner.flatMap((state) => activePathsOf(state, (value as Record<string, unknown>)[state.key]));
}

/** The paths of all states of a chart that have none inside. */
export function leafPathsOf(root: AnyStateNode): string[] {
  const inner = Object.values(root.states);
  if (inner.length === 0) return [pathOf(root)];
  return inner.flatMap(leafPathsOf);
}
