import type { SeededRandom } from '../../src/testing/seededRandom.ts';
import type { Call, CallToMake, Lane } from './calls.ts';
import type { CrashPoint } from './crashPoints.ts';
import type { Kind, Load } from './kinds.ts';

/** What callers do in one life of a process, so that it passes a certain point. */
export interface Scene {
  readonly lanes: readonly Lane[];
  /** The process is told to stop when the handler of this task begins. */
  readonly terminateWhenBegun: string | null;
  /** How long running tasks may take then, ms. */
  readonly drainMs: number;
}

const longDrainMs = 2_000;
const shortDrainMs = 30;

/** Far enough away that no task of it begins within a run, ms. */
const farMs = 3_600_000;

/** More tasks than a chunk of a submission has. */
const severalChunks = 2_500;
/** More tasks than a turn settles of a cancelled batch. */
const severalSlices = 8_500;
/** More tasks than a store removes at once. */
const severalRemovals = 2_500;

const ordinary: readonly Kind[] = [
  'quick',
  'working',
  'chatty',
  'flaky',
  'broken',
  'odd',
  'hopeless',
  'slow'
];

/** The callers of one store: what they ask is drawn from a seed, and every id is used once. */
export class Callers {
  readonly #random: SeededRandom;
  #lastId = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** What is asked in every life of a process. */
  everyday(now: number): Lane[] {
    const lanes: Lane[] = [this.#lane(...this.#submission(now)), this.#lane(this.#single(), this.#single())];
    const extra = this.#random.pick<() => CallToMake[]>([
      () => this.#pausedBatch(now),
      () => [{ type: 'pause' }, { type: 'resume' }],
      () => [{ type: 'scaleWorkers', count: this.#random.integer(3, 6) }],
      () => this.#cancelledTask(),
      () => [this.#batch('submitArray', { kinds: ['quick', 'working', 'flaky'], count: 6, isChain: true })],
      () => this.#submittedTwice(),
      () => this.#cancelledBatch(),
      () => this.#retriedBatch(),
      () => this.#removedBatch({ kinds: ['quick', 'working'], count: 4 })
    ]);
    return [...lanes, this.#lane(...extra())];
  }

  /** What leads to a crash point, beside the everyday. */
  scene(point: CrashPoint, now: number): Scene {
    const lane = (...calls: CallToMake[]): Scene => ({
      lanes: [this.#lane(...calls)],
      terminateWhenBegun: null,
      drainMs: longDrainMs
    });
    switch (point) {
      case 'array: between two chunks':
        return lane(this.#batch('submitArray', { kinds: ['quick'], count: severalChunks }));
      case 'stream: between two chunks':
        return lane(this.#batch('submitStream', { kinds: ['quick'], count: severalChunks }));
      case 'settings: committed, not acknowledged':
        return lane({ type: 'scaleWorkers', count: this.#random.integer(3, 6) });
      case 'retry: committed, no alarm set':
        return lane(this.#batch('submitArray', { kinds: ['flaky', 'broken'], count: 4 }));
      case 'timeout: committed, not aborted':
        return lane(this.#batch('submitArray', { kinds: ['slow', 'late', 'deaf'], count: 3 }));
      case 'cancel: committed, not aborted':
        return lane(...this.#cancelledBatch());
      case 'cancel: between two slices of a batch':
        return lane(...this.#cancelledHugeBatch(now));
      case 'remove: before its first slice':
      case 'remove: gone, not acknowledged':
        return lane(...this.#removedBatch({ kinds: ['quick', 'working'], count: 4 }));
      case 'remove: between two slices':
        return lane(...this.#removedBatch({ kinds: ['quick'], count: severalRemovals }));
      case 'drain: between two commits':
      case 'close: before the last snapshots':
      case 'close: last snapshots committed':
      case 'close: store released':
        return this.#stopped(longDrainMs);
      case 'stop: attempts released, not aborted':
        return this.#stopped(shortDrainMs);
      case 'submit: before its commit':
      case 'submit: committed, not acknowledged':
      case 'claim: committed, no handler started':
      case 'claim: committed, some handlers started':
      case 'handler: before its effect':
      case 'handler: after its effect':
      case 'completion: before its commit':
      case 'completion: committed, not told':
      case 'recovery: opened, nothing loaded':
      case 'recovery: loaded, no turn taken':
      case 'recovery: first turn committed':
        return lane(this.#batch('submitArray', { kinds: ['working', 'quick'], count: 10 }));
    }
  }

  /** What fires in every life of a process from now on. */
  schedule(): Lane {
    return this.#lane({ type: 'schedule', scheduleId: `schedule-${this.#nextId()}` });
  }

  /** Tasks that are running when their process is made to stand still. */
  timely(): Lane {
    return this.#lane(this.#batch('submitArray', { kinds: ['timely'], count: 4 }));
  }

  #submission(now: number): CallToMake[] {
    const load: Load = { kinds: this.#shuffled(ordinary), count: this.#random.integer(4, 12) };
    const type = this.#random.pick(['submitArray', 'submitStream'] as const);
    const startAfter = now + this.#random.integer(200, 900);
    return [
      this.#batch(type, load),
      ...(this.#random.chance(0.3)
        ? [this.#batch('submitArray', { kinds: ['quick', 'working'], count: 4, startAfter })]
        : [])
    ];
  }

  #single(): CallToMake {
    return { type: 'submitTask', key: `single-${this.#nextId()}`, kind: this.#random.pick(ordinary) };
  }

  /** By two callers who know nothing of each other but the idempotency key. */
  #submittedTwice(): CallToMake[] {
    const idempotencyKey = `once-${this.#nextId()}`;
    const kind = this.#random.pick(['quick', 'working', 'flaky'] as const);
    return [1, 2].map(() => ({
      type: 'submitOnce',
      key: `single-${this.#nextId()}`,
      idempotencyKey,
      kind
    }));
  }

  #pausedBatch(now: number): CallToMake[] {
    const load: Load = {
      kinds: ['working', 'flaky'],
      count: 6,
      startAfter: now + this.#random.integer(0, 100)
    };
    const submission = this.#batch('submitArray', load);
    const { batchId } = submission;
    return [submission, { type: 'pauseBatch', batchId }, { type: 'resumeBatch', batchId }];
  }

  #cancelledTask(): CallToMake[] {
    const submission = this.#batch('submitArray', { kinds: ['working', 'long', 'flaky'], count: 6 });
    const key = `${submission.batchId}/${this.#random.integer(1, 6)}`;
    return [submission, { type: 'cancelTask', key }];
  }

  /** One of its tasks runs until it is cancelled, the others may wait or be done by then. */
  #cancelledBatch(): CallToMake[] {
    const submission = this.#batch('submitArray', { kinds: ['held', 'working', 'late', 'flaky'], count: 4 });
    const { batchId } = submission;
    return [submission, { type: 'cancelBatch', batchId, whenBegun: `${batchId}/1` }];
  }

  #cancelledHugeBatch(now: number): CallToMake[] {
    const load: Load = { kinds: ['quick'], count: severalSlices, startAfter: now + farMs };
    const submission = this.#batch('submitArray', load);
    return [submission, { type: 'cancelBatch', batchId: submission.batchId }];
  }

  #retriedBatch(): CallToMake[] {
    const submission = this.#batch('submitArray', { kinds: ['quick', 'hopeless', 'broken'], count: 5 });
    const newBatchId = `retry-${this.#nextId()}`;
    return [submission, { type: 'retryBatch', batchId: submission.batchId, newBatchId }];
  }

  #removedBatch(load: Load): CallToMake[] {
    const submission = this.#batch('submitArray', load);
    return [submission, { type: 'removeBatch', batchId: submission.batchId }];
  }

  #stopped(drainMs: number): Scene {
    const submission = this.#batch('submitArray', { kinds: ['long', 'working'], count: 4 });
    const terminateWhenBegun = `${submission.batchId}/1`;
    return { lanes: [this.#lane(submission)], terminateWhenBegun, drainMs };
  }

  #batch<TType extends 'submitArray' | 'submitStream'>(type: TType, load: Load) {
    const batchId = `${type === 'submitArray' ? 'array' : 'stream'}-${this.#nextId()}`;
    return { type, batchId, load };
  }

  #lane(...calls: CallToMake[]): Lane {
    return calls.map((call) => this.#withId(call));
  }

  #withId(call: CallToMake): Call {
    return { ...call, id: `call-${this.#nextId()}` };
  }

  #nextId(): number {
    return (this.#lastId += 1);
  }

  #shuffled<T>(items: readonly T[]): T[] {
    return shuffled(items, this.#random);
  }
}

/** A copy in another order. Fisher and Yates. */
export function shuffled<T>(items: readonly T[], random: SeededRandom): T[] {
  const copy = [...items];
  for (let last = copy.length - 1; last > 0; last--) {
    const other = random.integer(0, last);
    [copy[last], copy[other]] = [copy[other]!, copy[last]!];
  }
  return copy;
}
