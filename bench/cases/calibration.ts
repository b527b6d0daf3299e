import type { Case } from '../case.ts';
import { measureTasks } from '../measure.ts';

/**
 * What any queue does at least, without one: a row in a map, a copy of it for each step, a promise, a callback. It
 * changes with the machine and with Node alone, and so measures both.
 */
export function calibration(tasks: number): Case {
  return {
    settings: `a row, three copies of it and a promise for each of ${tasks} tasks, in plain JavaScript`,
    run: () => measureTasks(tasks, loop)
  };
}

async function loop(tasks: number): Promise<number> {
  const rows = new Map<string, { readonly key: string; readonly state: string; readonly step: number }>();
  const states = ['queued', 'running', 'completed'];
  let done = 0;
  for (let index = 0; index < tasks; index++) {
    const key = `batch/${index}`;
    for (const [step, state] of states.entries()) {
      rows.set(key, { ...rows.get(key), key, state, step });
      await Promise.resolve();
    }
    done += rows.get(key)?.state === 'completed' ? 1 : 0;
  }
  return done;
}
