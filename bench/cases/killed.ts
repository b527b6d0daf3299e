import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Case } from '../case.ts';
import type { News } from '../process/killedFleet.ts';

const script = fileURLToPath(new URL('../process/killedFleet.ts', import.meta.url));

/** A process that is killed when half of its tasks are done, and the next one on the same file. */
export function killed(tasks: number): Case {
  return {
    settings:
      `sqliteStore, full, 100 workers × 1, ${tasks} tasks, kill -9 when half were told as completed; ` +
      `a new process: from new FleetManager to the first handler`,
    async run({ folder }) {
      const path = join(await mkdtemp(join(folder, 'killed-')), 'fleet.db');
      const told = new Set<string>();
      const first = startFleet(path, tasks);
      first.on('message', ({ completed }: News) => {
        for (const key of completed) told.add(key);
        if (told.size >= tasks / 2) first.kill('SIGKILL');
      });
      await once(first, 'close');

      let firstTaskMs = 0;
      let done = 0;
      let repeated = 0;
      const second = startFleet(path, tasks);
      second.on('message', (news: News) => {
        if (news.firstTaskMs !== undefined) firstTaskMs = news.firstTaskMs;
        if (news.done !== undefined) done = news.done;
        repeated += news.started.filter((key) => told.has(key)).length;
      });
      await once(second, 'close');
      return { firstTaskMs, lost: tasks - done, repeated };
    }
  };
}

function startFleet(path: string, tasks: number): ChildProcess {
  return fork(script, [path, String(tasks)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
}
