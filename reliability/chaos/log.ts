import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { ResultSummary } from '../../machines/coordinatorMachine.ts';
import type { FinalTaskStatus, Json } from '../../machines/task.ts';
import type { FleetStatistics } from '../../src/fleet/views.ts';
import type { Call } from './calls.ts';
import type { CrashPoint } from './crashPoints.ts';

/** What happened around one store, over all its processes. */
export type Entry = Happening & {
  /** Epoch ms. */
  readonly at: number;
};

export type Happening =
  // Of the harness
  | { readonly type: 'spawned'; readonly cycle: number; readonly ending: string }
  | {
      readonly type: 'ended';
      readonly code: number | null;
      readonly signal: string | null;
      readonly stderr: string;
      /** Whether that was how it had to end. */
      readonly isExpected: boolean;
    }
  /** A second process tried to open the store. */
  | {
      readonly type: 'contended';
      readonly told: string;
      readonly isOwnerAlive: boolean;
      readonly pid: number;
    }
  // Of callers
  | { readonly type: 'asked'; readonly call: Call }
  | { readonly type: 'acknowledged'; readonly callId: string; readonly value: Json }
  | { readonly type: 'refused'; readonly callId: string; readonly code: string; readonly message: string }
  /** What a caller reads of a batch before it removes it. */
  | { readonly type: 'removing'; readonly batchId: string; readonly results: readonly RemovedResult[] }
  // Of handlers
  | { readonly type: 'began'; readonly key: string; readonly attempt: number }
  | { readonly type: 'effect'; readonly key: string; readonly attempt: number }
  /** `ignoring`: was aborted and goes on. */
  | {
      readonly type: 'left';
      readonly key: string;
      readonly attempt: number;
      readonly how: 'done' | 'failed' | 'aborted' | 'ignoring';
    }
  // Of the fleet
  | { readonly type: 'started'; readonly operation: string; readonly workers: number }
  | { readonly type: 'retrying'; readonly key: string; readonly attempt: number; readonly retryAt: number }
  | {
      readonly type: 'settled';
      readonly key: string;
      readonly status: FinalTaskStatus;
      readonly settledSeq: number;
    }
  | { readonly type: 'followed'; readonly key: string; readonly settledSeq: number }
  | { readonly type: 'crashed'; readonly point: CrashPoint }
  | { readonly type: 'unhandled'; readonly error: string }
  | { readonly type: 'unsettled'; readonly what: string; readonly error: string }
  | { readonly type: 'finished'; readonly stats: FleetStatistics; readonly summary: ResultSummary }
  /** @param resources - What would keep the process alive. */
  | { readonly type: 'stopped'; readonly resources: readonly string[] };

export interface RemovedResult {
  readonly key: string;
  readonly success: boolean;
  readonly duration: number;
}

/** A log that survives the SIGKILL of who writes it: each entry is one write to the end of the file. */
export class Log implements Disposable {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'a');
  }

  write(happening: Happening): void {
    writeSync(this.#file, `${JSON.stringify({ at: Date.now(), ...happening })}\n`);
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

/** All entries, in the order in which they were written. */
export function readLog(path: string): Entry[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Entry);
}
