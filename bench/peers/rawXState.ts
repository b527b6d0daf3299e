import { createActor, fromPromise, setup, toPromise } from 'xstate';
import type { Case } from '../case.ts';
import { measureTasks } from '../measure.ts';

/** What a task would cost as an actor of its own: it is started, invokes a promise, and ends. */
export function rawXState(concurrency: number, tasks: number): Case {
  return {
    settings: `an actor for each of ${tasks} tasks: created, started, a promise invoked, ended; ${concurrency} at once`,
    run: () =>
      measureTasks(tasks, async (count) => {
        let begun = 0;
        let done = 0;
        const lane = async (): Promise<void> => {
          while (begun < count) {
            const actor = createActor(taskMachine, { input: { index: begun++ } });
            const end = toPromise(actor);
            actor.start();
            await end;
            done += 1;
          }
        };
        await Promise.all(Array.from({ length: concurrency }, lane));
        return done;
      })
  };
}

const taskMachine = setup({
  types: { input: {} as { index: number }, context: {} as { index: number } },
  actors: { noop: fromPromise(async () => {}) }
}).createMachine({
  context: ({ input }) => input,
  initial: 'running',
  states: {
    running: { invoke: { src: 'noop', onDone: 'completed', onError: 'failed' } },
    completed: { type: 'final' },
    failed: { type: 'final' }
  }
});
