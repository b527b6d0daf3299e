import type { AnyStateNode, AnyTransitionDefinition } from 'xstate';

/**
 * The transitions of a microstep that are taken indeed. XState tells its inspectors all that were enabled; but of two
 * in different regions that leave the same states, only the one further in, or else the first, is taken.
 *
 * @see https://www.w3.org/TR/scxml/#removeConflictingTransitions
 */
export function withoutPreempted(
  enabled: readonly AnyTransitionDefinition[]
): readonly AnyTransitionDefinition[] {
  const taken = new Set<AnyTransitionDefinition>();
  for (const transition of new Set(enabled)) {
    const rivals = [...taken].filter((other) => isConflict(transition, other));
    if (!rivals.every(({ source }) => isBelow(transition.source, source))) continue;
    for (const rival of rivals) taken.delete(rival);
    taken.add(transition);
  }
  return [...taken];
}

function isConflict(left: AnyTransitionDefinition, right: AnyTransitionDefinition): boolean {
  const [first, second] = [domainOf(left), domainOf(right)];
  if (first === null || second === null) return false;
  return first === second || isBelow(first, second) || isBelow(second, first);
}

/** The state whose substates a transition leaves; `null`: it leaves none. */
function domainOf(transition: AnyTransitionDefinition): AnyStateNode | null {
  const { source, target, reenter } = transition;
  if (target === undefined || target.length === 0) return null;
  if (!reenter && target.every((node) => node === source || isBelow(node, source))) {
    return source.type === 'atomic' ? null : source;
  }
  let ancestor = source.parent;
  while (ancestor !== undefined && !target.every((node) => isBelow(node, ancestor!)))
    ancestor = ancestor.parent;
  return ancestor ?? source.machine.root;
}

function isBelow(node: AnyStateNode, ancestor: AnyStateNode): boolean {
  for (let { parent } = node; parent !== undefined; { parent } = parent) if (parent === ancestor) return true;
  return false;
}
