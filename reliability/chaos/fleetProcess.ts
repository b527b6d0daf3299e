import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { compiledFolder } from '../compiled.ts';
import type { Plan } from './plan.ts';

export interface Exit {
  /** `null`: a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  readonly stderr: string;
}

/** Small, so that a handler that eats memory soon ends its process, MiB. */
const heapMiB = 192;

/** A process with a fleet, run by `process/main.ts`. */
export class FleetProcess {
  readonly exit: Promise<Exit>;
  /** Resolves when its fleet has started, or when it has ended. */
  readonly started: Promise<void>;
  readonly pid: number;
  readonly #child: ChildProcess;
  #hasEnded = false;

  constructor(plan: Plan) {
    const program = join(compiledFolder(), 'reliability/chaos/process/main.js');
    const child = spawn(
      process.execPath,
      [`--max-old-space-size=${heapMiB}`, program, JSON.stringify(plan)],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_OPTIONS: undefined } }
    );
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    this.#child = child;
    this.pid = child.pid!;
    this.exit = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#hasEnded = true;
        resolve({ code, signal, stderr });
      });
    });
    this.started = new Promise((resolve) => {
      child.stdout.once('data', () => resolve());
      void this.exit.then(() => resolve());
    });
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  send(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves when it has ended, or when the time is over. @returns Whether it has ended. */
  async endsWithin(ms: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), ms);
    });
    const hasEnded = await Promise.race([this.exit.then(() => true), over]);
    clearTimeout(timer);
    return hasEnded;
  }
}
