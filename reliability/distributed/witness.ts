import { closeSync, openSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { FinalTaskStatus } from '../../machines/task.ts';

/** What a process says that it did or saw, whatever the fleet says of it. */
export type Testimony = (
  | { readonly type: 'began'; readonly key: string; readonly attempt: number }
  | {
      readonly type: 'left';
      readonly key: string;
      readonly attempt: number;
      readonly how: 'done' | 'failed' | 'aborted';
    }
  /** A manager told that a task has settled. */
  | {
      readonly type: 'settled';
      readonly key: string;
      readonly status: FinalTaskStatus;
      readonly settledSeq: number;
    }
  /** A client is about to submit a batch, or was told that it is durable. */
  | { readonly type: 'asked' | 'acknowledged'; readonly batchId: string; readonly tasks: number }
  /** A client was told of a result. */
  | { readonly type: 'heard'; readonly key: string }
  /** So many handlers may run in this process at once; where nothing is said, one. */
  | { readonly type: 'offers'; readonly slots: number }
  /** A worker that is to be given nothing was given an attempt. */
  | { readonly type: 'misled' }
  | { readonly type: 'unhandled'; readonly error: string }
) & {
  readonly pid: number;
  /** By the monotonic clock, which all processes of the machine share, ms. */
  readonly at: number;
};

type Told = Testimony extends infer T ? (T extends Testimony ? Omit<T, 'pid' | 'at'> : never) : never;

/**
 * What one process has to say, in a file of its own: each testimony is one write to its end, so that no signal takes it back,
 * and nobody waits for anybody.
 */
export class Witness implements Disposable {
  readonly #file: number;

  /** @param folder - Of all witnesses of a cycle. */
  constructor(folder: string) {
    this.#file = openSync(join(folder, `${process.pid}-${process.hrtime.bigint()}.jsonl`), 'a');
  }

  tell(told: Told): void {
    const at = Number(process.hrtime.bigint()) / 1e6;
    writeSync(this.#file, `${JSON.stringify({ ...told, pid: process.pid, at })}\n`);
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

/** What all of them have said, in order of time. */
export function readTestimonies(folder: string): readonly Testimony[] {
  return readdirSync(folder)
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Testimony)
    .sort((left, right) => left.at - right.at);
}

/** How much they have said, bytes: it grows with every run of a handler and every task that settles. */
export function saidSoFar(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}
