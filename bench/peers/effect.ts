import type { Case } from '../case.ts';
import { measureTasks } from '../measure.ts';

interface EffectModule {
  readonly Effect: {
    promise(task: () => Promise<void>): object;
    forEach(
      items: readonly unknown[],
      each: (item: unknown) => object,
      options: { readonly concurrency: number; readonly discard: true }
    ): object;
    runPromise(effect: object): Promise<void>;
  };
}

/** Effect.forEach with a bound: a fiber for each task, and no result kept. */
export function effect(concurrency: number, tasks: number): Case {
  return {
    settings: `Effect.forEach of Effect.promise, concurrency ${concurrency}, discard, ${tasks} tasks`,
    async run() {
      const peer = 'effect';
      const { Effect } = (await import(peer)) as EffectModule;
      return measureTasks(tasks, async (count) => {
        let done = 0;
        const task = async (): Promise<void> => {
          done += 1;
        };
        const items = Array.from({ length: count }, (_, index) => ({ index }));
        const all = Effect.forEach(items, () => Effect.promise(task), { concurrency, discard: true });
        await Effect.runPromise(all);
        return done;
      });
    }
  };
}
