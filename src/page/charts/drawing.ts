import { compact } from '../format.ts';
import type { ChartState, TakenEdge } from './chartState.ts';

interface DrawnState {
  readonly group: Element;
  readonly count: Element | null;
}

/**
 * A drawing in the page, and what is shown in it.
 *
 * Touches only what has changed. States that the drawing does not have are passed over.
 */
export class Drawing {
  readonly #states = new Map<string, DrawnState>();
  readonly #edges: readonly {
    readonly group: Element;
    readonly source: string;
    readonly target: string;
    readonly events: readonly string[];
  }[];
  #active: ReadonlySet<string> = new Set();
  #counts: Readonly<Record<string, number>> = {};
  #glowing: ReadonlySet<Element> = new Set();

  /** @param root - Has the drawing in it already. */
  constructor(root: Element) {
    for (const group of root.querySelectorAll('[data-state]')) {
      const count = [...group.children].find((child) => child.classList.contains('count')) ?? null;
      this.#states.set(group.getAttribute('data-state') ?? '', { group, count });
    }
    this.#edges = [...root.querySelectorAll('.transition')].map((group) => ({
      group,
      source: group.getAttribute('data-source') ?? '',
      target: group.getAttribute('data-target') ?? '',
      events: (group.getAttribute('data-event') ?? '').split(' ')
    }));
  }

  show({ counts, active }: ChartState, taken: readonly TakenEdge[]): void {
    for (const [path, { group, count }] of this.#states) {
      if (active.has(path) !== this.#active.has(path)) group.classList.toggle('active', active.has(path));
      const value = counts[path] ?? 0;
      if (count === null || value === (this.#counts[path] ?? 0)) continue;
      count.textContent = value === 0 ? '' : compact(value);
    }
    this.#active = active;
    this.#counts = counts;
    this.#glow(taken);
  }

  #glow(taken: readonly TakenEdge[]): void {
    const glowing = new Set(
      this.#edges.filter((edge) => taken.some((step) => isSame(edge, step))).map(({ group }) => group)
    );
    for (const group of this.#glowing) if (!glowing.has(group)) group.classList.remove('taken');
    for (const group of glowing) if (!this.#glowing.has(group)) group.classList.add('taken');
    this.#glowing = glowing;
  }
}

/** Steps name leaves, edges may begin or end at a state around them. */
function isSame(
  edge: { readonly source: string; readonly target: string; readonly events: readonly string[] },
  { source, target, event }: TakenEdge
): boolean {
  if (event !== null && !edge.events.includes(event) && !edge.events.includes('')) return false;
  return isWithin(source, edge.source) && isWithin(target, edge.target);
}

function isWithin(paths: string, path: string): boolean {
  return path === '' || paths.split(' ').some((inner) => inner === path || inner.startsWith(`${path}.`));
}
