import { setTimeout as sleep } from 'node:timers/promises';
import type { SeededRandom } from '../../src/testing/seededRandom.ts';
import type { Ending } from './endings.ts';
import type { Exit, FleetProcess } from './fleetProcess.ts';
import type { WayToDie } from './kinds.ts';

/**
 * Ends a process as its ending says, or waits until it has ended itself.
 *
 * @param patienceMs - A process that has not ended by then is killed: how it ended shows that.
 */
export async function bringToEnd(
  child: FleetProcess,
  ending: Ending,
  patienceMs: number,
  random: SeededRandom
): Promise<void> {
  switch (ending.type) {
    case 'crash':
    case 'poison':
      break;
    case 'finish':
      // All that is left settles within the patience; then the process has to end.
      await child.endsWithin(patienceMs);
      break;
    case 'kill':
      if (random.chance(0.8)) await child.started;
      await sleep(random.integer(0, 300));
      child.send('SIGKILL');
      break;
    case 'terminate':
    case 'terminateTwice':
      await child.started;
      await sleep(random.integer(20, 300));
      child.send('SIGTERM');
      if (ending.type === 'terminate') break;
      await sleep(random.integer(5, 80));
      child.send('SIGTERM');
      break;
    case 'freeze':
      await child.started;
      await sleep(random.integer(20, 150));
      child.send('SIGSTOP');
      // Longer than the limit of tasks that run.
      await sleep(random.integer(1_050, 1_400));
      child.send('SIGCONT');
      await sleep(random.integer(0, 300));
      child.send('SIGKILL');
      break;
    case 'contend':
      child.send('SIGKILL');
  }
  if (!(await child.endsWithin(patienceMs))) child.send('SIGKILL');
}

/**
 * Whether a process had to end so. One that was to crash may have been done before it came to the point, or has
 * not come to it in time: the hits are counted by themselves.
 */
export function isExpectedEnd(ending: Ending, { code, signal }: Exit, way: WayToDie): boolean {
  switch (ending.type) {
    case 'crash':
      return signal === 'SIGKILL' || code === 0;
    case 'kill':
    case 'freeze':
    case 'contend':
      return signal === 'SIGKILL';
    case 'terminate':
    case 'finish':
      return code === 0;
    case 'terminateTwice':
      // The second signal may come when the process has stopped and is about to end.
      return code === 0 || signal === 'SIGTERM';
    case 'poison':
      return isDeathBy(way, code, signal);
  }
}

function isDeathBy(way: WayToDie, code: number | null, signal: string | null): boolean {
  switch (way) {
    case 'kill':
      return signal === 'SIGKILL';
    case 'exit':
      return code === 7;
    case 'segv':
      return signal === 'SIGSEGV';
    case 'abort':
    case 'memory':
      return signal === 'SIGABRT';
  }
}
