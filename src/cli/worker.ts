import { errorText } from '../executors/bullmq/errorText.ts';
import type { RemoteWorker, RemoteWorkerEvent } from '../executors/bullmq/remoteWorker.ts';
import type { Handlers } from '../handlers/handler.ts';
import { loadHandlers } from './handlerModule.ts';
import { interrupted, Interrupts } from './interrupts.ts';
import { withPeers } from './openRedis.ts';
import { printable } from './terminal.ts';

export interface WorkerOptions {
  readonly redis: string;
  readonly fleet: string;
  readonly prefix?: string;
  readonly handlers: string;
  readonly concurrency?: number;
  readonly tags?: readonly string[];
}

/**
 * `worker`: serves a fleet from this process until it is interrupted. The first signal drains it, the second one ends it at
 * once.
 *
 * @returns The exit code: 0 when it was drained, 130 when it was not given the time.
 */
export async function worker(options: WorkerOptions): Promise<number> {
  const handlers = await loadHandlers(options.handlers);
  const served = await remoteWorker(options, handlers);
  using interrupts = new Interrupts();
  const lines = new StateLines(options, Object.keys(handlers));
  using _ = served.subscribe((event) => lines.take(event));
  await served.start();
  await interrupts.first;
  const isDrained = await Promise.race([
    served.drain().then(() => true),
    interrupts.second.then(() => false)
  ]);
  if (isDrained) return 0;
  const left = served.running;
  await served.stop();
  process.stderr.write(`Ended at once: ${left} running, which the fleet runs again elsewhere.\n`);
  return interrupted;
}

/** What it needs is loaded only now, and may not be installed. */
async function remoteWorker(options: WorkerOptions, handlers: Handlers): Promise<RemoteWorker> {
  const { redis: url, fleet, prefix, concurrency, tags } = options;
  const { bullmqWorker } = await withPeers(() => import('../executors/bullmq/remoteWorker.ts'));
  return bullmqWorker({ url, fleet, prefix, handlers, concurrency, tags });
}

/** Says what becomes of the worker, a line for each change. */
class StateLines {
  readonly #options: WorkerOptions;
  readonly #types: readonly string[];
  #problem: string | null = null;

  constructor(options: WorkerOptions, types: readonly string[]) {
    this.#options = options;
    this.#types = types;
  }

  take(event: RemoteWorkerEvent): void {
    if (event.type === 'error') return this.#complain(printable(errorText(event.error)));
    this.#problem = null;
    this.#say(this.#lineOf(event));
  }

  #lineOf(event: Exclude<RemoteWorkerEvent, { type: 'error' }>): string {
    const { fleet, concurrency = 1, tags = [] } = this.#options;
    switch (event.type) {
      case 'joined': {
        const offer = tags.length === 0 ? '' : `, tags ${tags.join(',')}`;
        return `Worker ${event.workerId} joined fleet ${fleet}: ${concurrency} at once${offer}, types ${this.#types.join(', ')}.`;
      }
      case 'crossedOut':
        return `Worker ${event.workerId} was taken for gone: what it ran is aborted, and it joins anew.`;
      case 'draining':
        return `Worker ${event.workerId} drains: ${event.running} running. Once more ends it at once.`;
      case 'stopped':
        return `Worker ${event.workerId} has ended.`;
    }
  }

  /** While Redis is away the same is said again and again: once is enough. */
  #complain(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#say(`Redis: ${problem}; it is tried again.`);
  }

  #say(line: string): void {
    process.stderr.write(`${printable(line)}\n`);
  }
}
