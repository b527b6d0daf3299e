import type { AnyStateMachine, AnyStateNode } from 'xstate';
import { pathOf } from '../charts/statePaths.ts';

/** Events that the fleet's chart raises itself, within the step of another one. */
const raised: ReadonlySet<string> = new Set(['turn.due', 'journal.closed']);

/**
 * Whether a chart has a way from some states to others by an event, whatever its guards say: each region that moved has
 * a transition for the event, or one that follows by itself. Says less than stepping, and needs no context.
 */
export class ChartMoves {
  readonly #root: AnyStateNode;
  /** By event and state: where a region may be afterwards. */
  readonly #reachable = new Map<string, ReadonlySet<string>>();

  constructor(chart: AnyStateMachine) {
    this.#root = chart.root;
  }

  /** @param from - Paths with dots, one for each region, joined by blanks; `null`: it came into being. */
  allows(from: string | null, event: string | null, to: string): boolean {
    const before = from === null ? this.#initialPaths() : from.split(' ');
    const after = to.split(' ');
    if (before.length !== after.length) return this.#areStates([...before, ...after]);
    return before.every((path, region) => {
      if (path === after[region] && event !== null) return this.#node(path) !== undefined;
      return this.#reachableFrom(path, event).has(after[region]!);
    });
  }

  #initialPaths(): string[] {
    return leavesAt(this.#root);
  }

  #areStates(paths: readonly string[]): boolean {
    return paths.every((path) => this.#node(path) !== undefined);
  }

  #reachableFrom(path: string, event: string | null): ReadonlySet<string> {
    const key = `${event} ${path}`;
    let reachable = this.#reachable.get(key);
    if (reachable === undefined) this.#reachable.set(key, (reachable = this.#explore(path, event)));
    return reachable;
  }

  #explore(path: string, event: string | null): ReadonlySet<string> {
    const found = new Set<string>();
    // A path with whether the event was taken: it is, once, and what follows by itself does not need it.
    const open = [path];
    if (event === null) found.add(path);
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      for (const target of this.#targetsOf(next, event)) {
        if (found.has(target)) continue;
        found.add(target);
        open.push(target);
      }
    }
    return found;
  }

  #targetsOf(path: string, event: string | null): string[] {
    const targets: string[] = [];
    for (let node = this.#node(path); node !== undefined; node = node.parent) {
      const transitions = [...(node.always ?? [])];
      for (const [type, some] of node.transitions) {
        const isTaken = event !== null && matches(type, event);
        if (isTaken || raised.has(type) || type.startsWith('xstate.done.state.')) transitions.push(...some);
      }
      for (const { target } of transitions) {
        for (const reached of target ?? []) targets.push(...leavesAt(reached));
      }
    }
    return targets;
  }

  #node(path: string): AnyStateNode | undefined {
    let node: AnyStateNode | undefined = this.#root;
    for (const key of path.split('.')) node = node?.states[key];
    return node;
  }
}

/** The leaves that are entered with a state. */
function leavesAt(node: AnyStateNode): string[] {
  if (node.type === 'parallel') return Object.values(node.states).flatMap(leavesAt);
  const initial = node.initial?.target ?? [];
  if (initial.length > 0) return initial.flatMap(leavesAt);
  return [pathOf(node)];
}

function matches(pattern: string, event: string): boolean {
  if (!pattern.endsWith('*')) return pattern === event;
  return event.startsWith(pattern.slice(0, -1));
}
