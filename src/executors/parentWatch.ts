import { Worker } from 'node:worker_threads';

/** How often it is looked whether the parent lives, ms. */
const lookMs = 500;

/**
 * Ends this process when the one that made it has ended, even while a handler blocks it: the line to the parent is
 * closed then, but only the event loop would hear of it. Where processes keep a dead parent's id, as on Windows, a
 * blocked one goes on.
 *
 * @param parent - Process id.
 */
export function watchParent(parent: number): void {
  const watch = `setInterval(() => {
    if (process.ppid !== ${parent}) process.kill(process.pid, 'SIGKILL');
  }, ${lookMs});`;
  new Worker(watch, { eval: true, execArgv: [] }).unref();
}
