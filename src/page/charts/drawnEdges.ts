import type { TakenEdge } from './chartState.ts';

/** An edge of a drawing, as its attributes tell it. */
export interface DrawnEdge {
  readonly source: string;
  readonly target: string;
  readonly events: readonly string[];
}

/**
 * The edges that a step went along: the one of its event, or where the state that this leads to was left at once, that
 * one and an `always`. None where the drawing has no such way.
 */
export function edgesOf<TEdge extends DrawnEdge>(
  edges: readonly TEdge[],
  { source, target, event }: Pick<TakenEdge, 'source' | 'target' | 'event'>
): readonly TEdge[] {
  const first = edges.filter((edge) => isWithin(source, edge.source) && isOf(edge, event));
  const direct = first.filter((edge) => isWithin(target, edge.target));
  if (direct.length > 0) return direct;
  return first.flatMap((edge) => {
    const next = edges.find(
      ({ source, target: end, events }) =>
        events.includes('always') && isWithin(edge.target, source) && isWithin(target, end)
    );
    return next === undefined ? [] : [edge, next];
  });
}

function isOf({ events }: DrawnEdge, event: string | null): boolean {
  return event === null || events.includes(event) || events.includes('');
}

/** Steps name leaves, edges may begin or end at a state around them. */
function isWithin(paths: string, path: string): boolean {
  return path === '' || paths.split(' ').some((inner) => inner === path || inner.startsWith(`${path}.`));
}
