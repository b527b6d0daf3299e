import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Member } from './world.ts';

/** A process of the executor `processes`, known by what its handlers said. Its manager starts another one in its place. */
export class IsolatedWorker implements Member {
  readonly pid: number;
  readonly links = new Map<never, never>();

  constructor(pid: number) {
    this.pid = pid;
  }

  /** Whether the process runs and is such a worker: ids of processes are used again. */
  get isAlive(): boolean {
    try {
      return readFileSync(`/proc/${this.pid}/cmdline`, 'utf8').includes('isolatedMain');
    } catch {
      return false;
    }
  }

  async kill(): Promise<void> {
    this.#signal('SIGKILL');
    while (this.isAlive) await sleep(1);
  }

  freeze(): void {
    this.#signal('SIGSTOP');
  }

  thaw(): void {
    this.#signal('SIGCONT');
  }

  terminate(): void {
    this.#signal('SIGTERM');
  }

  #signal(name: NodeJS.Signals): void {
    if (this.isAlive) process.kill(this.pid, name);
  }
}
