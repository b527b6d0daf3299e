import { compact, rate } from '../format.ts';
import type { ChartState, TakenEdge } from './chartState.ts';
import { edgesOf, type DrawnEdge } from './drawnEdges.ts';

interface DrawnState {
  readonly group: Element;
  readonly count: Element | null;
}

interface DrawnTransition extends DrawnEdge {
  readonly group: Element;
  /** How often it is taken; made when it is first told. */
  rate: Element | null;
}

/**
 * A drawing in the page, and what is shown in it.
 *
 * Touches only what has changed. States that the drawing does not have are passed over.
 */
export class Drawing {
  readonly #states = new Map<string, DrawnState>();
  readonly #edges: readonly DrawnTransition[];
  /** By `source target event`: a step is looked up once. */
  readonly #ways = new Map<string, readonly DrawnTransition[]>();
  #active: ReadonlySet<string> = new Set();
  #counts: Readonly<Record<string, number>> = {};
  #glowing: ReadonlyMap<DrawnTransition, number> = new Map();

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
      events: (group.getAttribute('data-event') ?? '').split(' '),
      rate: null
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
    const glowing = new Map<DrawnTransition, number>();
    for (const step of taken) {
      for (const edge of this.#wayOf(step)) {
        glowing.set(edge, (glowing.get(edge) ?? 0) + (step.perSecond ?? 0));
      }
    }
    for (const edge of this.#glowing.keys()) {
      if (glowing.has(edge)) continue;
      edge.group.classList.remove('taken');
      tellRate(edge, 0);
    }
    for (const [edge, perSecond] of glowing) {
      const before = this.#glowing.get(edge);
      if (before === undefined) edge.group.classList.add('taken');
      if (perSecond !== (before ?? 0)) tellRate(edge, perSecond);
    }
    this.#glowing = glowing;
  }

  #wayOf(step: TakenEdge): readonly DrawnTransition[] {
    const key = `${step.source} ${step.target} ${step.event ?? ''}`;
    const known = this.#ways.get(key);
    if (known !== undefined) return known;
    const way = edgesOf(this.#edges, step);
    this.#ways.set(key, way);
    return way;
  }
}

/** Above the label of an edge. @param perSecond - 0: nothing is told. */
function tellRate(edge: DrawnTransition, perSecond: number): void {
  const label = edge.group.querySelector('.label tspan');
  if (label === null) return;
  if (edge.rate === null) {
    edge.rate = document.createElementNS('http://www.w3.org/2000/svg', 'text');
    edge.rate.setAttribute('class', 'rate');
    edge.rate.setAttribute('x', label.getAttribute('x') ?? '0');
    edge.rate.setAttribute('y', String(Number(label.getAttribute('y')) - 14));
    edge.group.append(edge.rate);
  }
  const text = perSecond === 0 ? '' : `${rate(perSecond)}/s`;
  if (edge.rate.textContent !== text) edge.rate.textContent = text;
}
