import { inProcess, type Attempt, type Executor, type ExecutorReports } from '../../src/index.ts';
import * as handlers from './handlers.ts';
import { describeRemoteExecutor, type RemoteFixture, type RemoteProcess } from './remoteContract.ts';
import { RemoteWorld } from './remoteWorld.ts';

describeRemoteExecutor('the simulated remote executor', () => Promise.resolve(new RunningWorld()));

/** Simulated workers that run handlers, by themselves, as many at once as they said. */
class RunningWorld implements RemoteFixture {
  readonly #world = new RemoteWorld();
  readonly #processes = new Set<HandlerProcess>();
  #last = 0;

  connect(): Executor {
    const executor = this.#world.executor();
    const { dispatch, abort, start } = executor;
    return {
      ...executor,
      start: (reports) => start(this.#relayed(reports)),
      dispatch: (attempts) => {
        dispatch(attempts);
        for (const process of this.#processes) process.take();
      },
      abort: (ref, cause) => {
        abort(ref, cause);
        for (const process of this.#processes) process.executor.abort(ref, cause);
      }
    };
  }

  async startProcess({
    concurrency = 1,
    tags = []
  }: { concurrency?: number; tags?: readonly string[] } = {}) {
    const workerId = `process-${++this.#last}`;
    const process = new HandlerProcess(this.#world, workerId, concurrency, () =>
      this.#processes.delete(process)
    );
    await process.start();
    this.#processes.add(process);
    this.#world.join(workerId, { concurrency, tags, types: Object.keys(handlers) });
    return process;
  }

  async close(): Promise<void> {
    for (const process of this.#processes) await process.kill();
  }

  #relayed(reports: ExecutorReports): ExecutorReports {
    for (const process of this.#processes) process.take();
    return reports;
  }
}

class HandlerProcess implements RemoteProcess {
  readonly workerId: string;
  readonly executor: Executor = inProcess(handlers);
  readonly #world: RemoteWorld;
  readonly #concurrency: number;
  readonly #onEnded: () => void;
  readonly #begun = new Set<string>();
  #isDraining = false;
  #onIdle: (() => void) | null = null;

  constructor(world: RemoteWorld, workerId: string, concurrency: number, onEnded: () => void) {
    this.#world = world;
    this.workerId = workerId;
    this.#concurrency = concurrency;
    this.#onEnded = onEnded;
  }

  start(): Promise<void> {
    const world = this.#world;
    return this.executor.start({
      settled: (ref, outcome) => {
        if (!this.#begun.delete(`${ref.seq}.${ref.attempt}`)) return;
        world.settle(ref, outcome);
        this.take();
        if (this.#begun.size === 0) this.#onIdle?.();
      },
      progress: (ref, value) => world.reports?.progress(ref, value),
      log: (ref, line) => world.reports?.log(ref, line)
    } as ExecutorReports);
  }

  /** Begins what waits, as far as there is room. */
  take(): void {
    if (this.#isDraining) return;
    for (const attempt of this.#world.heldBy(this.workerId)) {
      const key = `${attempt.seq}.${attempt.attempt}`;
      if (this.#begun.size >= this.#concurrency || this.#begun.has(key)) continue;
      this.#begun.add(key);
      this.#world.begin(attempt);
      this.executor.dispatch([attempt]);
    }
  }

  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#world.drain(this.workerId);
    for (const attempt of this.#waiting()) this.#world.giveBack(attempt);
    if (this.#begun.size > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    this.#world.leave(this.workerId);
    await this.#end();
  }

  async kill(): Promise<void> {
    this.#world.kill(this.workerId);
    await this.#end();
  }

  #waiting(): readonly Attempt[] {
    return this.#world
      .heldBy(this.workerId)
      .filter(({ seq, attempt }) => !this.#begun.has(`${seq}.${attempt}`));
  }

  async #end(): Promise<void> {
    this.#onEnded();
    this.#begun.clear();
    await this.executor.stop();
  }
}
