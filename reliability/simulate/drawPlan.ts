import type { ConfigPatch } from '../../src/index.ts';
import { SeededRandom } from '../../src/testing/seededRandom.ts';
import type { Behaviour, CommitFault, Operation, Plan, TaskPlan } from './plan.ts';

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** Bursts of a day that is lived alone, and of each day of a longer life. */
const denseBursts = 8;
const sparseBursts = 2;

/**
 * Draws a life. The same arguments give the same plan.
 *
 * @param days - Integer >= 1.
 * @param bursts - How often much happens in a short time; between, nothing does.
 */
export function drawPlan(
  seed: number,
  days: number,
  bursts = days === 1 ? denseBursts : days * sparseBursts
): Plan {
  const random = new SeededRandom(seed);
  const config = drawConfig(random);
  return { seed, config, operations: new Draft(random, hasTags(config)).draw(days, bursts) };
}

function drawConfig(random: SeededRandom): ConfigPatch {
  return {
    maxConcurrentWorkers: random.pick([1, 2, 5, 10, 20, 50, 100]),
    workerConcurrency: random.pick([1, 1, 2, 4]),
    tasksPerWorker: random.pick([null, null, null, 1, 3]),
    workerTimeout: random.pick([secondMs, 30 * secondMs, 5 * minuteMs]),
    maxRetries: random.integer(0, 3),
    maxRecoveries: random.pick([0, 3, 100]),
    cancelGraceMs: random.pick([0, 50, 5 * secondMs]),
    maxStuck: random.pick([null, null, 0, 100]),
    maxQueueSize: random.pick([null, null, null, 10, 500]),
    onQueueFull: random.pick(['wait', 'wait', 'reject']),
    workerGroups: random.pick([
      [],
      [],
      [{ tags: ['gpu'], workers: 1 }],
      [{ tags: ['gpu', 'eu'], workers: 2 }]
    ]),
    typeLimits: random.pick([
      {},
      {},
      { metered: { concurrency: 1 } },
      { metered: { concurrency: 3, rate: { limit: 20, intervalMs: secondMs } } }
    ]),
    autoscale: random.pick([
      null,
      null,
      { minWorkers: 2, maxWorkers: 20, scaleUpThreshold: 5, intervalMs: 100, cooldownMs: 10 * secondMs }
    ]),
    retry: {
      baseMs: random.pick([0, 100, secondMs]),
      factor: random.pick([1, 2, 3]),
      maxMs: random.pick([secondMs, minuteMs]),
      jitter: random.pick(['full', 'equal', 'none'])
    }
  };
}

function hasTags({ workerGroups }: ConfigPatch): boolean {
  return (workerGroups?.length ?? 0) > 0;
}

/** A plan in the making: it remembers what it has named, so that later operations are about something. */
class Draft {
  readonly #random: SeededRandom;
  readonly #operations: Operation[] = [];
  readonly #batches: string[] = [];
  readonly #tasks: string[] = [];
  readonly #schedules: string[] = [];
  /** Idempotency keys, and how the attempts of their tasks behave. */
  readonly #unique: { readonly idempotencyKey: string; readonly attempts: readonly Behaviour[] }[] = [];
  readonly #hasTags: boolean;
  #last = 0;

  /** @param hasTags - Whether some workers offer `gpu`. */
  constructor(random: SeededRandom, hasTags: boolean) {
    this.#random = random;
    this.#hasTags = hasTags;
  }

  draw(days: number, bursts: number): readonly Operation[] {
    const starts = Array.from({ length: bursts }, () => this.#random.integer(0, days * dayMs));
    for (const start of starts.sort((left, right) => left - right)) this.#drawBurst(start);
    return this.#operations;
  }

  #drawBurst(startMs: number): void {
    const random = this.#random;
    let atMs = startMs;
    for (let left = random.integer(5, 40); left > 0; left--) {
      this.#operations.push({ atMs, ...this.#drawOperation() } as Operation);
      atMs += random.pick([0, 0, 0, 1, 10, 100, 500, secondMs, 10 * secondMs, minuteMs]);
    }
  }

  /** What is asked for most comes first: the odds are the places that a name has. */
  #drawOperation(): object {
    const random = this.#random;
    const name = random.pick([
      ...Array.from({ length: 12 }, () => 'submitBatch' as const),
      ...Array.from({ length: 5 }, () => 'submitTask' as const),
      ...Array.from({ length: 3 }, () => 'failCommits' as const),
      ...(['cancelTask', 'cancelTask', 'cancelBatch', 'cancelBatch', 'resubmit', 'resubmit'] as const),
      ...(['pauseBatch', 'resumeBatch', 'resumeBatch', 'removeBatch', 'follow'] as const),
      ...(['retryBatch', 'retryTask', 'submitResult', 'pause', 'resume', 'resume'] as const),
      ...(['submitOnce', 'submitOnce', 'schedule', 'schedule'] as const),
      ...(['pauseSchedule', 'resumeSchedule', 'unschedule'] as const),
      ...(['scale', 'scale', 'configure', 'failReads', 'crash', 'crash', 'stop', 'jump', 'block'] as const),
      ...(['loseOwnership', 'loseOwnership'] as const)
    ]);
    switch (name) {
      case 'submitBatch': {
        const as = random.pick(['array', 'array', 'array', 'iterable', 'stream'] as const);
        const gapMs = as === 'stream' ? random.pick([0, 20, 200]) : 0;
        const id = this.#name('b', this.#batches);
        const tasks = Array.from({ length: random.pick([0, 1, 1, 2, 3]) }, () => this.#drawBatchTasks());
        for (let index = 0; index < Math.min(tasks[0]?.count ?? 0, 3); index++) {
          this.#tasks.push(`${id}/${index}`);
        }
        return { do: name, id, as, gapMs, tasks };
      }
      case 'submitTask':
        return {
          do: name,
          id: this.#name('t', this.#tasks),
          waits: random.chance(0.3),
          task: { ...this.#drawTasks(), count: 1 }
        };
      case 'submitOnce':
        return { do: name, id: this.#name('u', this.#tasks), ...this.#drawUnique() };
      case 'schedule':
        return {
          do: name,
          // Sometimes one that is there is changed.
          id: random.chance(0.3) ? this.#recent(this.#schedules) : this.#name('s', this.#schedules),
          everyMs: random.pick([secondMs, 7 * secondMs, minuteMs, hourMs]),
          catchUp: random.pick(['none', 'last', 'all'] as const),
          overlap: random.pick(['allow', 'skip'] as const),
          maxRuns: random.pick([1, 5, 50]),
          tasks: { ...this.#drawTasks(), count: random.pick([1, 1, 3]) }
        };
      case 'pauseSchedule':
      case 'resumeSchedule':
      case 'unschedule':
        return { do: name, id: this.#recent(this.#schedules) };
      case 'resubmit':
        return { do: name, id: this.#recent(this.#batches), altered: random.chance(0.2) };
      case 'cancelTask':
        return { do: name, key: this.#recent(this.#tasks) };
      case 'cancelBatch':
      case 'pauseBatch':
      case 'resumeBatch':
      case 'removeBatch':
      case 'follow':
        return { do: name, id: this.#recent(this.#batches) };
      case 'retryBatch':
        return { do: name, id: this.#recent(this.#batches), newId: this.#name('b', this.#batches) };
      case 'retryTask':
        return { do: name, key: this.#recent(this.#tasks), newId: this.#name('t', this.#tasks) };
      case 'submitResult': {
        const taskId = String(random.integer(1, 5));
        return { do: name, workerId: random.pick(['w', 'x']), taskId, success: random.chance(0.7) };
      }
      case 'pause':
      case 'resume':
        return { do: name };
      case 'scale':
        return { do: name, count: random.pick([1, 3, 10, 20, 100]) };
      case 'configure':
        return { do: name, patch: this.#drawPatch() };
      case 'failCommits':
        return { do: name, faults: Array.from({ length: random.integer(1, 4) }, () => this.#drawFault()) };
      case 'failReads':
        return { do: name, count: random.integer(1, 3) };
      case 'crash': {
        const when = random.pick(['now', 'beforeWrite', 'afterWrite'] as const);
        return { do: name, when, downMs: this.#drawDown() };
      }
      case 'stop':
        return {
          do: name,
          graceful: random.chance(0.6),
          timeoutMs: random.pick([0, 100, 30 * secondMs]),
          downMs: this.#drawDown(),
          again: random.pick(['same', 'other'] as const)
        };
      case 'loseOwnership':
        return { do: name, hears: random.pick(['now', 'atCommit'] as const), awayMs: this.#drawDown() };
      case 'jump':
        return { do: name, ms: random.pick([-2 * hourMs, dayMs, -minuteMs, hourMs]) };
      case 'block':
        return { do: name, ms: random.pick([100, 2 * secondMs, minuteMs]) };
    }
  }

  #drawTasks(): TaskPlan {
    const random = this.#random;
    return {
      count: random.pick([1, 2, 5, 20, 100, random.integer(100, 1_500)]),
      attempts: Array.from({ length: random.integer(1, 3) }, () => this.#drawBehaviour()),
      ...(random.chance(0.4) && { priority: random.pick([0, 10, 20]) }),
      ...(random.chance(0.15) && { delayMs: random.pick([10, secondMs, minuteMs, hourMs]) }),
      ...(random.chance(0.15) && { timeoutMs: random.pick([50, 500, 10 * secondMs]) }),
      ...(random.chance(0.15) && { maxRetries: random.integer(0, 5) }),
      ...(random.chance(0.2) && { type: 'metered' as const }),
      ...(this.#hasTags && random.chance(0.3) && { tags: ['gpu'] })
    };
  }

  #drawUnique() {
    if (this.#unique.length > 0 && this.#random.chance(0.6)) return this.#random.pick(this.#unique);
    const fresh = {
      idempotencyKey: `once ${++this.#last}`,
      attempts: [this.#drawBehaviour(), this.#drawBehaviour()]
    };
    this.#unique.push(fresh);
    return fresh;
  }

  #drawBatchTasks(): TaskPlan {
    const random = this.#random;
    const tasks = { ...this.#drawTasks(), ...(random.chance(0.2) && { isUnique: true }) };
    return random.chance(0.7) ? tasks : { ...tasks, behind: random.pick([[1], [1, 2], [7], [1, 50, 300]]) };
  }

  #drawBehaviour(): Behaviour {
    const random = this.#random;
    return {
      does: random.pick([
        ...(['return', 'return', 'return', 'return', 'return', 'return', 'return'] as const),
        ...(['throw', 'throw', 'returnFailure', 'returnUnstorable', 'hang'] as const)
      ]),
      ms: random.pick([0, 0, 1, 1, 10, 100, secondMs]),
      obeys: random.chance(0.6),
      oddity: random.integer(0, 9)
    };
  }

  #drawFault(): CommitFault {
    const random = this.#random;
    return {
      ends: random.pick(['well', 'refused', 'lostWrite', 'lostAnswer'] as const),
      beforeMs: random.pick([0, 0, 5, 300, 10 * secondMs]),
      afterMs: random.pick([0, 0, 5, 300])
    };
  }

  #drawPatch(): ConfigPatch {
    const random = this.#random;
    return random.pick<() => ConfigPatch>([
      () => ({ workerConcurrency: random.integer(1, 4) }),
      () => ({ tasksPerWorker: random.pick([null, 1, 2, 5]) }),
      () => ({ workerTimeout: random.pick([100, secondMs, minuteMs]) }),
      () => ({ cancelGraceMs: random.pick([0, 100, secondMs]) }),
      () => ({ maxRetries: random.integer(0, 5) }),
      () => ({ maxQueueSize: random.pick([null, 5, 100]) })
    ])();
  }

  #drawDown(): number {
    return this.#random.pick([0, 0, 100, minuteMs]);
  }

  #name(prefix: string, names: string[]): string {
    const name = `${prefix}${++this.#last}`;
    names.push(name);
    return name;
  }

  /** One of the last that were named: an older one has most likely settled. */
  #recent(names: readonly string[]): string {
    return names.length === 0 ? 'none' : this.#random.pick(names.slice(-6));
  }
}
