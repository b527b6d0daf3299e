import type { AnyStateNode } from 'xstate';

/** The states of a state value as paths with dots, one for each region in the chart's order, joined by blanks. */
export function statePathsOf(root: AnyStateNode, value: unknown): string {
  return leavesOf(root, value).join(' ');
}

function leavesOf(node: AnyStateNode, value: unknown): string[] {
  if (typeof value === 'string') return leavesOf(node.states[value]!, {});
  const inner = Object.values(node.states).filter(({ key }) => Object.hasOwn(value as object, key));
  if (inner.length === 0) return [node.path.join('.')];
  return inner.flatMap((state) => leavesOf(state, (value as Record<string, unknown>)[state.key]));
}

/** The paths of all states of a chart that have none inside. */
export function leafPathsOf(root: AnyStateNode): string[] {
  const inner = Object.values(root.states);
  if (inner.length === 0) return [root.path.join('.')];
  return inner.flatMap(leafPathsOf);
}
