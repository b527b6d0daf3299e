import { isWithin, type ChartState, type ChartTransition } from './chart.ts';
import { noBreak } from './textWidth.ts';

/** Transitions in words. */
export interface Words {
  readonly text: string;
  /** At least one; they differ only in their events. */
  readonly transitions: readonly ChartTransition[];
}

/** `first, second [guard] / actions`: transitions that differ only in their event share a line. */
export function wordsOf(transitions: readonly ChartTransition[]): Words[] {
  const groups = new Map<string, ChartTransition[]>();
  for (const transition of transitions) {
    const effect = effectOf(transition);
    groups.set(effect, [...(groups.get(effect) ?? []), transition]);
  }
  return Array.from(groups, ([effect, group]) => ({
    text: group.map(({ trigger }) => trigger.replaceAll(' ', noBreak)).join(', ') + effect,
    transitions: group
  }));
}

/** What a state does on its own: `entry / …`, `exit / …`, `invoke …`. */
export function activitiesOf({ entry, exit, invoke }: ChartState): string[] {
  return [
    ...(entry.length === 0 ? [] : [`entry / ${entry.join(', ')}`]),
    ...(exit.length === 0 ? [] : [`exit / ${exit.join(', ')}`]),
    ...invoke.map(({ src }) => `invoke ${src}`)
  ];
}

/** Where a transition leads that an arrow can show: out of, or deeper into, the state that has it. */
export function arrowTargetsOf({ source, targets, isInternal }: ChartTransition): readonly string[] {
  return isInternal ? [] : targets.filter((target) => !isWithin(source, target));
}

/** ` [guard] / actions`, as far as there are any, and what an arrow, or its absence, does not say. */
function effectOf(transition: ChartTransition): string {
  const { source, guard, isElse, actions, isInternal, isReentry, targets } = transition;
  const condition = [isElse ? 'else' : '', guard ?? ''].filter(Boolean).join(' ');
  const isAgain = !isInternal && arrowTargetsOf(transition).length === 0;
  const isInside = !isReentry && targets.every((target) => target === source);
  return [
    condition && ` [${condition}]`,
    actions.length > 0 ? ` / ${actions.join(', ')}` : '',
    isAgain && isInside ? ' (begins anew inside)' : '',
    isAgain && !isInside ? ` (re-enters ${targets.map(keyOf).join(', ')})` : '',
    isReentry && !isAgain ? ` (re-enters ${keyOf(source)})` : ''
  ].join('');
}

function keyOf(path: string): string {
  return path === '' ? 'the machine' : path.slice(path.lastIndexOf('.') + 1);
}
