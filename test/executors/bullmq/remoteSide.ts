import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { compiledModule } from '../../../reliability/compiled.ts';
import type { Executor } from '../../../src/executor.ts';
import {
  bullmqExecutor,
  type BullmqExecutorOptions,
  type RemoteWorkerOptions
} from '../../../src/executors/bullmq.ts';
import { RecordedReports } from '../reports.ts';

const script = new URL('workerProcess.ts', import.meta.url);

let lastFleet = 0;

/**
 * A fleet's executor over a Redis, with a name of its own, and the worker processes that serve it. Each is given one attempt
 * ahead, unless it is said otherwise.
 */
export class RemoteSide {
  readonly fleet = `fleet-${process.pid}-${++lastFleet}`;
  readonly url: string;
  reports = new RecordedReports();
  executor: Executor;

  constructor(url: string, options: Partial<BullmqExecutorOptions> = {}) {
    this.url = url;
    this.executor = this.#executor(options);
    onTestFinished(() => this.executor.stop());
  }

  /** An executor as a fleet makes it that starts anew, with reports of its own. */
  async restart(options: Partial<BullmqExecutorOptions> = {}): Promise<void> {
    await this.executor.stop();
    this.reports = new RecordedReports();
    this.executor = this.#executor(options);
    await this.executor.start(this.reports);
  }

  /** Starts a worker process, and resolves when the fleet was told of it. */
  async join(options: WorkerSettings = {}): Promise<WorkerProcess> {
    const worker = this.spawn(options);
    worker.workerId = (await worker.printed(/joined (\S+)/))[1]!;
    await this.reports.untilHolds(() =>
      this.reports.of('joined').some(({ worker: joined }) => joined.workerId === worker.workerId)
    );
    return worker;
  }

  spawn(options: WorkerSettings = {}): WorkerProcess {
    return new WorkerProcess({ url: this.url, fleet: this.fleet, heartbeatMs: 100, ...options });
  }

  #executor(options: Partial<BullmqExecutorOptions>): Executor {
    return bullmqExecutor({ url: this.url, fleet: this.fleet, pollMs: 100, prefetch: 1, ...options });
  }
}

export type WorkerSettings = Partial<Omit<RemoteWorkerOptions, 'handlers'>> & {
  readonly types?: readonly string[];
};

/** A process of `workerProcess.ts`, which ends with the test. */
export class WorkerProcess {
  workerId = '';
  readonly exited: Promise<unknown>;
  readonly #child: ChildProcess;
  readonly #listeners = new Set<() => void>();
  #output = '';

  constructor(settings: object) {
    this.#child = spawn(process.execPath, [compiledModule(script), JSON.stringify(settings)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: undefined }
    });
    onTestFinished(() => void this.#child.kill('SIGKILL'));
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString();
        this.#tell();
      });
    }
    this.exited = once(this.#child, 'exit').then(([code, signal]) => {
      this.#tell();
      return (code ?? signal) as unknown;
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves when it has printed what matches, with the match. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#output);
      if (match) return match;
      if (this.#child.exitCode !== null) throw new Error(`It ended without ${pattern}:\n${this.#output}`);
      await new Promise<void>((resolve) => this.#listeners.add(resolve));
    }
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }
}
