import type { AnyStateNode, TransitionDefinition } from 'xstate';

// oxlint-disable-next-line typescript/no-explicit-any -- the machine's own types do not matter here
type Definition = TransitionDefinition<any, any>;

/** A transition in words. */
export interface TransitionWords {
  /** Type of its event as XState has it, such as `xstate.done.actor.recover`; empty: it waits for none. */
  readonly event: string;
  /** The event in words: `task.claim`, `always`, `after 50 ms`, `recover done`, `recover failed`, `done`. */
  readonly trigger: string;
  /** Name of its guard, composed ones as `and(isIdle, not(isBusy))`; `null`: none. */
  readonly guard: string | null;
  /** It is tried only when the transitions before it, of the same event, did not apply. */
  readonly isElse: boolean;
  readonly actions: readonly string[];
  /** It leaves no state: neither exit nor entry actions run. */
  readonly isInternal: boolean;
  /** It leaves its own state, on the way to it or to what is in it: its exit and entry actions run. */
  readonly isReentry: boolean;
  /** Of a delayed transition: ms, or the delay's name. */
  readonly delay: number | string | null;
  readonly description: string | null;
}

/** A transition of a machine, in words. */
export interface NamedTransition extends TransitionWords {
  readonly source: AnyStateNode;
  readonly targets: readonly AnyStateNode[];
}

/** The transitions that a state declares, in the order in which they are tried. */
export function transitionsOf(node: AnyStateNode): NamedTransition[] {
  const groups: (readonly Definition[])[] = [node.always ?? [], ...node.transitions.values()];
  return groups.flatMap((candidates) =>
    candidates.map((definition, index) => {
      const { target: targets = [], reenter, guard, actions } = definition;
      const isToItself = targets.every((target) => target === node) && node.type === 'atomic' && !reenter;
      return {
        source: node,
        targets,
        event: definition.eventType as string,
        trigger: triggerOf(node, definition),
        guard: guard === undefined ? null : guardName(guard),
        isElse: index > 0,
        actions: actions.map(nameOf),
        isInternal: targets.length === 0 || isToItself,
        isReentry: reenter && targets.length > 0 && targets.every((target) => isWithin(target, node)),
        description: definition.description ?? null,
        delay: delayOf(definition)
      };
    })
  );
}

/** Whether a state is another one, or in it. */
export function isWithin(node: AnyStateNode, frame: AnyStateNode): boolean {
  return node === frame || (node.parent !== undefined && isWithin(node.parent, frame));
}

/** What a state does on its own: `entry / …`, `exit / …`, `invoke …`; where a history state leads at first. */
export function activitiesOf(node: AnyStateNode): string[] {
  const { type, config, invoke } = node;
  const { target } = config as { target?: string | readonly string[] };
  const { entry, exit } = ownActionsOf(node);
  return [
    ...(type === 'history' && target !== undefined ? [`default ${[target].flat().join(', ')}`] : []),
    ...(entry.length === 0 ? [] : [`entry / ${entry.join(', ')}`]),
    ...(exit.length === 0 ? [] : [`exit / ${exit.join(', ')}`]),
    ...invoke.map((invoked) => `invoke ${sourceOf(invoked)}`)
  ];
}

/** Names of the actions that a state declares for itself: XState adds some of its own, for delays. */
export function ownActionsOf({ config }: AnyStateNode): {
  readonly entry: readonly string[];
  readonly exit: readonly string[];
} {
  const { entry, exit } = config as { entry?: unknown; exit?: unknown };
  return { entry: listed(entry).map(nameOf), exit: listed(exit).map(nameOf) };
}

/** Name of an action, a guard or a delay; an inline one has the name of its function, if any. */
export function nameOf(reference: unknown): string {
  if (typeof reference === 'string') return reference;
  if (typeof reference === 'object' && reference !== null && 'type' in reference)
    return String(reference.type);
  return (typeof reference === 'function' && !ofProperty.test(reference.name) && reference.name) || nameless;
}

/** What has no name of its own is called so. */
export const nameless = 'inline';

/** Functions that stand in a chart without a name are called by the property that they stand in. */
const ofProperty = /^(actions|entry|exit|guard|src)$/;

/** Name of a guard, composed ones as `and(isIdle, not(isBusy))`, `in` a state. */
export function guardName(guard: unknown): string {
  // What `and()`, `or()` and `not()` return carries the guards that it is made of; `stateIn()`, its state.
  const { name, guards, stateValue } = guard as { name?: string; guards?: unknown[]; stateValue?: unknown };
  if (guards !== undefined) return `${name}(${guards.map(guardName).join(', ')})`;
  if (stateValue !== undefined) return `in ${JSON.stringify(stateValue).replaceAll(/["{}]/g, '')}`;
  return nameOf(guard);
}

function triggerOf(node: AnyStateNode, definition: Definition): string {
  const eventType = definition.eventType as string;
  if (eventType === '') return 'always';
  if (eventType === `xstate.done.state.${node.id}`) return 'done';
  const delay = delayOf(definition);
  if (delay !== null) return `after ${typeof delay === 'number' ? `${delay} ms` : delay}`;
  for (const invoked of node.invoke) {
    if (eventType === `xstate.done.actor.${invoked.id}`) return `${sourceOf(invoked)} done`;
    if (eventType === `xstate.error.actor.${invoked.id}`) return `${sourceOf(invoked)} failed`;
    if (eventType === `xstate.snapshot.${invoked.id}`) return `${sourceOf(invoked)} changed`;
  }
  return eventType;
}

function delayOf(definition: Definition): number | string | null {
  if (!('delay' in definition)) return null;
  const { delay } = definition as { delay: unknown };
  return typeof delay === 'number' ? delay : nameOf(delay);
}

/** Name of the invoked logic, or the id of the invocation where the logic is inline. */
export function sourceOf({ src, id }: AnyStateNode['invoke'][number]): string {
  return typeof src === 'string' && !src.startsWith('xstate.') ? src : id;
}

/** What a config may give as a list, as one value, or not at all. */
export function listed(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
