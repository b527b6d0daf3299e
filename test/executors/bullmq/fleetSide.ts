import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { FleetManager, type FleetManagerOptions, type Store } from '../../../src/index.ts';
import { bullmqExecutor, type BullmqExecutorOptions } from '../../../src/executors/bullmq.ts';
import { WorkerProcess, type WorkerSettings } from './remoteSide.ts';

let lastFleet = 0;

/** A fleet over a Redis, from one of its processes to the next, with the worker processes that serve it. */
export class FleetSide {
  readonly name = `whole-${process.pid}-${++lastFleet}`;
  readonly url: string;
  readonly folder = mkdtempSync(join(tmpdir(), 'xstate-fleet-whole-'));
  /** What `traced` handlers write to. */
  readonly log = join(this.folder, 'log');
  fleet!: FleetManager;
  #store!: Store;

  constructor(url: string) {
    this.url = url;
    appendFileSync(this.log, '');
    onTestFinished(async () => {
      await this.fleet.stop({ graceful: false });
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  /** Starts the fleet, or starts it anew. Each worker is given one attempt ahead, unless it is said otherwise. */
  async start(
    options: Partial<FleetManagerOptions> & { readonly store: Store },
    ofExecutor: Partial<BullmqExecutorOptions> = {}
  ): Promise<void> {
    this.#store = options.store;
    this.fleet = new FleetManager({
      name: 'whole',
      retry: { baseMs: 20, maxMs: 100, jitter: 'none' },
      executor: bullmqExecutor({ url: this.url, fleet: this.name, pollMs: 100, prefetch: 1, ...ofExecutor }),
      ...options
    } as FleetManagerOptions);
    await this.fleet.start();
  }

  /** Ends the process of the fleet, as far as its store and Redis can see. */
  async crash(): Promise<void> {
    this.fleet.actor.stop();
    await this.#store.release('whole');
  }

  /** Starts a worker process, and resolves when it is in the registry. */
  async join(options: WorkerSettings = {}): Promise<WorkerProcess> {
    const worker = new WorkerProcess({ url: this.url, fleet: this.name, heartbeatMs: 300, ...options });
    worker.workerId = (await worker.printed(/joined (\S+)/))[1]!;
    return worker;
  }

  /** A path that handlers wait for. */
  gate(name: string): { readonly path: string; open(): void } {
    const path = join(this.folder, name);
    return { path, open: () => writeFileSync(path, '') };
  }

  /** What handlers wrote, in order: `<word> <key> <attempt>`. */
  lines(): readonly string[] {
    return readFileSync(this.log, 'utf8').split('\n').slice(0, -1);
  }
}
