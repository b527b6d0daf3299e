import type { AnyStateMachine, AnyTransitionDefinition } from 'xstate';
import { alternativesOf, definitionsOf, descriptorOf, edgeIdOf, isMeant, type Edge } from './edges.ts';
import type { Move } from './moves.ts';
import type { Place, Sight } from './stateGraph.ts';
import type { Situation, Step } from './step.ts';

/** Why edges are not taken although their states are active. */
export class Obstacles {
  readonly #offered = new Map<string, { refusals: number; shadowedBy: string | null }>();
  readonly #byId: ReadonlyMap<string, AnyTransitionDefinition>;

  constructor(machine: AnyStateMachine) {
    this.#byId = new Map(definitionsOf(machine).map((transition) => [edgeIdOf(transition), transition]));
  }

  /** What did not come of a move. Of the events that a machine sends itself nothing is known here. */
  at(place: Place, move: Move, { taken }: Step, refused: Map<string, Sight>): void {
    const { type } = move.event;
    for (const transition of transitionsOf(place.situation, type)) {
      const id = edgeIdOf(transition);
      if (taken.includes(id)) continue;
      const rivals = transitionsOf(place.situation, type).filter((other) => taken.includes(edgeIdOf(other)));
      // One without a guard that nothing hides was preempted from another region.
      const rival =
        rivals.find((other) => hides(other, transition)) ??
        (transition.guard === undefined ? rivals[0] : undefined);
      this.#note(transition, rival, { place, move }, refused);
    }
  }

  /** Where an edge is taken, those before it of the same event have refused: also of events that a machine sends itself. */
  passedOver(taken: readonly string[], sight: Sight, refused: Map<string, Sight>): void {
    for (const id of taken) {
      const transition = this.#byId.get(id)!;
      const descriptor = descriptorOf(transition);
      // Of what came from outside, `at` knows more.
      if (sight.move !== null && descriptor !== '' && isMeant(descriptor, sight.move.event.type)) continue;
      const alternatives = alternativesOf(transition.source, descriptor);
      for (const other of alternatives.slice(0, alternatives.indexOf(transition)))
        this.#note(other, undefined, sight, refused);
    }
  }

  /** Where a machine has come to rest, all its `always` have refused. */
  atRest(place: Place, refused: Map<string, Sight>): void {
    const { snapshot } = place.situation;
    if (snapshot.status !== 'active') return;
    const sight =
      place.from === null ? { place, move: null } : { place: place.from.place, move: place.from.move };
    for (const { always } of snapshot._nodes) {
      for (const transition of always ?? []) this.#note(transition, undefined, sight, refused);
    }
  }

  reason(edge: Edge, entered: ReadonlySet<string>): string {
    if (edge.source !== '' && !entered.has(edge.source)) return `\`${edge.source}\` was never reached`;
    const offers = this.#offered.get(edge.id);
    if (offers === undefined) return reasonOfSilence(edge);
    if (offers.shadowedBy !== null && offers.refusals === 0) return `always hidden by ${offers.shadowedBy}`;
    const guard = edge.guard === null || edge.guard === 'inline' ? 'its guard' : `guard \`${edge.guard}\``;
    return `${guard} was false ${offers.refusals === 1 ? 'the one time' : `all ${offers.refusals} times`}, with these payloads`;
  }

  #note(
    transition: AnyTransitionDefinition,
    rival: AnyTransitionDefinition | undefined,
    sight: Sight,
    refused: Map<string, Sight>
  ): void {
    const id = edgeIdOf(transition);
    const offers = this.#offered.get(id) ?? { refusals: 0, shadowedBy: null };
    this.#offered.set(id, offers);
    if (rival !== undefined) offers.shadowedBy ??= edgeIdOf(rival);
    else {
      offers.refusals += 1;
      if (transition.guard !== undefined && !refused.has(id)) refused.set(id, sight);
    }
  }
}

/** Why nothing that an edge is for came where its state was active. */
function reasonOfSilence({ kind, source, event }: Edge): string {
  const state = source === '' ? 'the machine' : `\`${source}\``;
  if (kind === 'always' || kind === 'after') return `${state} was always left before`;
  if (event.startsWith('xstate.done.state.')) return `${state} was never done, or its guard was false`;
  const [, outcome, actor] = /^xstate\.(done|error|snapshot)\.(?:actor\.)?(.+)$/.exec(event) ?? [];
  if (outcome === 'snapshot')
    return `${actor} showed nothing in ${state}: give its \`snapshots\` in \`actors\``;
  if (outcome !== undefined)
    return `${actor} did not end so in ${state}: it was not running, or had no such end`;
  return `nothing that it is for came in ${state}: give payloads of ${event}`;
}

/** Transitions of the active states that an event of the type may take. */
function transitionsOf({ snapshot }: Situation, type: string): readonly AnyTransitionDefinition[] {
  return snapshot._nodes.flatMap((node) =>
    [...node.transitions]
      .filter(([descriptor]) => isMeant(descriptor, type))
      .flatMap(([, transitions]) => transitions)
  );
}

/** Whether a transition, being taken, keeps another from being asked: it is further in, more specific, or before it. */
function hides(taken: AnyTransitionDefinition, other: AnyTransitionDefinition): boolean {
  if (taken.source !== other.source)
    return other.source.path.every((key, at) => taken.source.path[at] === key);
  const descriptor = descriptorOf(taken);
  if (descriptor !== descriptorOf(other)) return descriptor.length > descriptorOf(other).length;
  const alternatives = alternativesOf(taken.source, descriptor);
  return alternatives.indexOf(taken) < alternatives.indexOf(other);
}
