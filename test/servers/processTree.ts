import { readdirSync, readFileSync } from 'node:fs';

/**
 * Sends a signal to a process and to all that came from it: PostgreSQL has a process for each connection, in a session of
 * its own. The parent gets it first, so that nothing new comes from it meanwhile. Linux; elsewhere the process alone.
 */
export function signalTree(pid: number, signal: NodeJS.Signals): void {
  // One that ends while it is looked at has no children any more that anybody could find.
  if (signal === 'SIGKILL') send(pid, 'SIGSTOP');
  else send(pid, signal);
  for (const child of childrenOf(pid)) signalTree(child, signal);
  if (signal === 'SIGKILL') send(pid, 'SIGKILL');
}

/** @returns Ids of the processes that it has started and that run. */
export function childrenOf(pid: number): readonly number[] {
  try {
    return readdirSync('/proc').flatMap((name) => {
      const child = Number(name);
      return Number.isInteger(child) && parentOf(child) === pid ? [child] : [];
    });
  } catch {
    return []; // a system without /proc
  }
}

/** @returns `null`: it has ended. */
function parentOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name of the program is in brackets, and may hold anything.
    const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(parent);
  } catch {
    return null;
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
