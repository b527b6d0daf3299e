import type { CrashPoint } from '../crashPoints.ts';
import type { Log } from '../log.ts';
import type { Plan } from '../plan.ts';

/** Kills the process, as `kill -9` does, when it passes a point for the how manieth time it was told. */
export class Trap {
  readonly #point: CrashPoint | null;
  readonly #log: Log;
  #left: number;

  constructor(trap: Plan['trap'], log: Log) {
    this.#point = trap?.point ?? null;
    this.#left = trap?.pass ?? 0;
    this.#log = log;
  }

  pass(point: CrashPoint): void {
    if (point !== this.#point) return;
    this.#left -= 1;
    if (this.#left > 0) return;
    this.#log.write({ type: 'crashed', point });
    process.kill(process.pid, 'SIGKILL');
  }
}
