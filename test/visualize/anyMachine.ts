import fc from 'fast-check';
import { createMachine, type AnyStateMachine } from 'xstate';

/** Flat, nested and parallel states, with transitions from anywhere to anywhere. */
export function anyMachine(): fc.Arbitrary<AnyStateMachine> {
  const { node } = fc.letrec<{ node: Shape }>((tie) => ({
    node: fc.record({
      isParallel: fc.boolean(),
      children: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.constant<Shape[]>([]),
        fc.array(tie('node'), { minLength: 1, maxLength: 4 })
      )
    })
  }));
  const edges = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.boolean()), { maxLength: 10 });
  return fc.tuple(node, edges).map(([shape, transitions]) => {
    const configs: { id: string; config: Record<string, unknown> }[] = [];
    const build = ({ isParallel, children }: Shape, id: string): Record<string, unknown> => {
      const config: Record<string, unknown> = { id };
      configs.push({ id, config });
      if (children.length > 0) {
        const names = children.map((_, index) => `state${index}`);
        config.states = Object.fromEntries(
          children.map((child, index) => [names[index], build(child, `${id}-${index}`)])
        );
        if (isParallel) config.type = 'parallel';
        else config.initial = names[0];
      }
      return config;
    };
    const root = build(shape, 'm');
    for (const [index, [from, to, reenter]] of transitions.entries()) {
      const source = configs[from % configs.length]!.config;
      const on = (source.on ??= {}) as Record<string, unknown>;
      on[`event.${index}`] = { target: `#${configs[to % configs.length]!.id}`, reenter, actions: 'record' };
    }
    return createMachine(root as never) as AnyStateMachine;
  });
}

interface Shape {
  readonly isParallel: boolean;
  readonly children: readonly Shape[];
}
