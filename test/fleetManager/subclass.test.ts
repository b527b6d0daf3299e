import { describe, expect, expectTypeOf, it } from 'vitest';
import type { FinalBatchState, Json, TaskError } from '../../machines/index.ts';
import {
  FleetManager,
  inProcess,
  NonRetryableError,
  WorkerAgent,
  type AnyWorkerAgent,
  type FailedAttempt,
  type FleetManagerOptions,
  type HandlerContext,
  type Handlers,
  type TaskResult,
  type WorkerOptions,
  type WorkerTask
} from '../../src/index.ts';
import { countingIds, gate, settled, SimulatedClock } from '../harness.ts';

type Work = (data: unknown, context: HandlerContext) => unknown;

describe('getWorkerInstance', () => {
  it('makes a worker for each place, which does the tasks of any type', async () => {
    const fleet = await started(new InstanceFleet((data) => ({ got: data as Json })));
    expect(fleet.made.map((worker) => worker.getWorkerId())).toEqual(['worker-1', 'worker-2']);

    const batchId = await fleet.submitBatch(
      [1, 2, 3].map((data) => ({ id: `${data}`, type: `t${data}`, data }))
    );
    await fleet.waitForBatch(batchId);
    const results = await fleet.getBatchResults(batchId);
    expect(results.map(({ result }) => result)).toEqual([{ got: 1 }, { got: 2 }, { got: 3 }]);
    expect(results.every(({ workerId }) => /^worker-[12]$/.test(workerId!))).toBe(true);
    await fleet.stop();
  });

  it('keeps a worker for task after task, and cleans it up once, at the stop', async () => {
    const fleet = await started(new InstanceFleet(() => 1, { config: { maxConcurrentWorkers: 1 } }));
    for (let count = 0; count < 5; count++) await fleet.submit('work', count);
    expect(fleet.made).toHaveLength(1);
    expect(fleet.made[0]!.info).toMatchObject({ totalCompleted: 5, status: 'idle' });
    await fleet.stop();
    expect(fleet.made.map(({ cleanups }) => cleanups)).toEqual([1]);
    expect(fleet.made[0]!.getStatus()).toBe('stopped');
  });

  it('makes a fresh worker for each task where tasksPerWorker is 1, and drops the old one', async () => {
    const fleet = await started(
      new InstanceFleet((_, { workerId }) => workerId, {
        config: { maxConcurrentWorkers: 1, tasksPerWorker: 1 }
      })
    );
    const ids = [];
    for (let count = 0; count < 3; count++) ids.push(await fleet.submit('work', null));
    await settled();
    expect(ids).toEqual(['worker-1', 'worker-1.2', 'worker-1.3']);
    expect(fleet.made.map((worker) => worker.getWorkerId())).toEqual([...ids, 'worker-1.4']);
    expect(fleet.made.map(({ cleanups }) => cleanups)).toEqual([1, 1, 1, 0]);
    await fleet.stop();
    expect(fleet.made.map(({ cleanups }) => cleanups)).toEqual([1, 1, 1, 1]);
  });

  it('leaves tasks of types that have a handler to that', async () => {
    const fleet = await started(new InstanceFleet(() => 'worker', { handlers: { own: () => 'handler' } }));
    fleet.registerHandler('later', () => 'registered');
    expect(await fleet.submit('own', null)).toBe('handler');
    expect(await fleet.submit('later', null)).toBe('registered');
    expect(await fleet.submit('other', null)).toBe('worker');
    await fleet.stop();
  });

  it.each<[string, (id: string) => AnyWorkerAgent | Promise<AnyWorkerAgent>, RegExp]>([
    [
      'throws',
      () => {
        throw new Error('no worker left');
      },
      /no worker left/
    ],
    ['rejects', () => Promise.reject(new Error('no worker left')), /no worker left/],
    [
      'gives a worker of another id',
      () => new Worker(() => 1, { id: 'mine' }),
      /its id is "mine"; it must be worker-1/
    ],
    ['gives no worker', () => ({}) as AnyWorkerAgent, /must be a WorkerAgent/],
    [
      'gives a worker that cannot be prepared',
      (id) =>
        new Worker(
          () => 1,
          { id },
          () => {
            throw new Error('no disk');
          }
        ),
      /no disk/
    ]
  ])('that %s costs the place its worker; the next try may do better', async (_, make, problem) => {
    let tries = 0;
    const fleet = new InstanceFleet(() => 'done', { config: { maxConcurrentWorkers: 1 } });
    fleet.make = (id) => (++tries === 1 ? make(id) : new Worker(() => 'done', { id }));
    const lost: string[] = [];
    fleet.on('worker.lost', (fact) => lost.push(fact.problem));
    await fleet.start();
    await settled();
    expect(lost).toEqual([expect.stringMatching(problem)]);
    const result = fleet.submit('work', null);
    await settled();
    await fleet.clock.advance(1_000);
    expect(await result).toBe('done');
    await fleet.stop();
  });

  it('that hangs costs the place its worker after 30 s; one that comes late is not started', async () => {
    const late = gate<AnyWorkerAgent>();
    const fleet = new InstanceFleet(() => 'done', { config: { maxConcurrentWorkers: 2 } });
    fleet.make = (id) => (id === 'worker-1' ? late.promise : new Worker(() => 'done', { id }));
    const lost: string[] = [];
    fleet.on('worker.lost', (fact) => lost.push(fact.workerId));
    await fleet.start();
    expect(await fleet.submit('work', null)).toBe('done');
    await fleet.clock.advance(30_000);
    await settled();
    expect(lost).toEqual(['worker-1']);

    const worker = new Worker(() => 'late', { id: 'worker-1' });
    late.open(worker);
    await settled();
    expect(worker.getStatus()).toBe('stopped');
    await fleet.stop();
  });

  it('is not waited for by a stop; what comes then is not started', async () => {
    const late = gate<AnyWorkerAgent>();
    const fleet = new InstanceFleet(() => 'done');
    fleet.make = () => late.promise;
    await fleet.start();
    await fleet.stop();
    const worker = new Worker(() => 'late', { id: 'worker-1' });
    late.open(worker);
    await settled();
    expect(worker.getStatus()).toBe('stopped');
  });

  it('whose worker is still starting when it is not wanted any more has that stopped', async () => {
    const ready = gate();
    const made: Worker[] = [];
    class Slow extends Worker {
      protected override prepare() {
        return ready.promise;
      }
    }
    const fleet = new InstanceFleet(() => 'done', { config: { maxConcurrentWorkers: 1 } });
    fleet.make = (id) => {
      made.push(new Slow(() => 'done', { id }));
      return made[0]!;
    };
    await fleet.start();
    await settled();
    await fleet.stop();
    expect(made.map(({ cleanups }) => cleanups)).toEqual([0]);
    ready.open();
    await settled();
    expect(made.map(({ cleanups }) => cleanups)).toEqual([1]);
  });

  it('refuses a worker that takes fewer tasks at once than the fleet gives', async () => {
    const fleet = new InstanceFleet(() => 1, { config: { workerConcurrency: 4 } });
    fleet.make = (id) => new Worker(() => 1, { id, concurrency: 2 });
    const lost: string[] = [];
    fleet.on('worker.lost', (fact) => lost.push(fact.problem));
    await fleet.start();
    await settled();
    expect(lost[0]).toMatch(/its concurrency is 2; it must be at least the fleet's workerConcurrency of 4/);
    await fleet.stop();
  });

  it('gives workers as many tasks at once as the fleet says', async () => {
    const work = gate();
    const fleet = await started(
      new InstanceFleet(() => work.promise, { config: { maxConcurrentWorkers: 1, workerConcurrency: 4 } })
    );
    await fleet.submitBatch(
      [1, 2, 3, 4, 5].map((data) => ({ id: `${data}`, type: 'work', data })),
      { batchId: 'b' }
    );
    await settled();
    expect(fleet.made[0]!.info).toMatchObject({ currentTasks: 4, status: 'busy' });
    work.open();
    expect(await fleet.waitForBatch('b')).toMatchObject({ status: 'completed' });
    await fleet.stop();
  });

  it('works again after a stop and a start', async () => {
    const fleet = await started(new InstanceFleet(() => 'done'));
    await fleet.stop();
    await fleet.start();
    expect(await fleet.submit('work', null)).toBe('done');
    await fleet.stop();
    expect(fleet.made.every(({ cleanups }) => cleanups === 1)).toBe(true);
  });

  it('excludes an executor', () => {
    expect(() => new InstanceFleet(() => 1, { executor: inProcess({}) })).toThrow(
      expect.objectContaining({ code: 'ERR_VALIDATION', argument: 'options.executor' })
    );
  });
});

describe('what a worker comes to', () => {
  it.each<[string, Work, object]>([
    [
      'a throw',
      () => {
        throw new RangeError('no');
      },
      { name: 'RangeError', message: 'no' }
    ],
    ['a returned failure', () => ({ success: false, error: 'no' }), { message: 'no' }],
    [
      'a NonRetryableError',
      () => {
        throw new NonRetryableError('no');
      },
      { name: 'NonRetryableError', code: 'ERR_NON_RETRYABLE', retryable: false }
    ],
    ['a result that is no JSON', () => 1n, { code: 'ERR_RESULT_NOT_SERIALIZABLE', retryable: false }]
  ])('fails like a handler: %s', async (_, work, failure) => {
    const fleet = await started(new InstanceFleet(work, { config: { maxRetries: 0 } }));
    await expect(fleet.submit('work', null)).rejects.toMatchObject({
      code: 'ERR_TASK_FAILED',
      result: { failure }
    });
    expect(fleet.made.flatMap(({ results }) => results)).toHaveLength(1);
    await fleet.stop();
  });

  it('times out by the fleet, which aborts its signal', async () => {
    let signal: AbortSignal | undefined;
    const fleet = await started(
      new InstanceFleet(
        (_, context) => {
          signal = context.signal;
          return new Promise((__, reject) =>
            signal!.addEventListener('abort', () => reject(signal!.reason as Error))
          );
        },
        { config: { maxRetries: 0 } }
      )
    );
    const result = fleet.submit('work', null, { timeoutMs: 50 }).catch((error: unknown) => error);
    await settled();
    await fleet.clock.advance(50);
    expect(await result).toMatchObject({ result: { status: 'timedOut' } });
    expect(signal?.aborted).toBe(true);
    await fleet.stop();
  });

  it('tells progress and lines through the fleet, under its key and attempt', async () => {
    const fleet = await started(
      new InstanceFleet((_, { progress, log }) => {
        progress({ done: 1 });
        log('half');
      })
    );
    const told: unknown[] = [];
    fleet.on('task.progress', ({ key, attempt, value }) => told.push({ key, attempt, value }));
    fleet.on('task.log', ({ line }) => told.push(line));
    await fleet.submit('work', null, { id: 'one' });
    expect(told).toEqual([{ key: 'one', attempt: 1, value: { done: 1 } }, 'half']);
    await fleet.stop();
  });

  it('may be changed by executeTaskOnWorker, which may return any value', async () => {
    class Wrapped extends InstanceFleet {
      protected override async executeTaskOnWorker(
        worker: Worker,
        task: WorkerTask,
        context: HandlerContext
      ) {
        const { result } = await worker.executeTask(task, context);
        return { wrapped: result };
      }
    }
    const fleet = await started(new Wrapped((data) => data));
    expect(await fleet.submit('work', 7)).toEqual({ wrapped: 7 });
    await fleet.stop();
  });

  it('knows who waits for itself through a worker', async () => {
    const fleet: InstanceFleet = new InstanceFleet((_, { key }) => fleet.waitFor(key), {
      config: { maxRetries: 0 }
    });
    await fleet.start();
    await expect(fleet.submit('work', null)).rejects.toMatchObject({
      result: { failure: { code: 'ERR_SELF_AWAIT' } }
    });
    await fleet.stop();
  });
});

describe('hooks of a fleet', () => {
  it('are called before each attempt, and after what became of it', async () => {
    let attempts = 0;
    const fleet = new HookedFleet({
      flaky: () => {
        if (++attempts === 1) throw new Error('first');
        return 'done';
      }
    });
    await fleet.start();
    await fleet.submitBatch([{ id: 'a', type: 'flaky', data: 7 }], { batchId: 'b' });
    await settled();
    await fleet.clock.advance(60_000);
    await fleet.waitForBatch('b');
    await settled();
    expect(fleet.calls).toEqual([
      'before b/a 7',
      'error b/a 1 first retry',
      'before b/a 7',
      'after b/a done',
      'batch b completed'
    ]);
    await fleet.stop();
  });

  it('are told of a failure for good, not of a cancellation or of a result from outside', async () => {
    const fleet = new HookedFleet({
      bad: () => {
        throw new NonRetryableError('no');
      },
      hang: () => new Promise(() => {})
    });
    await fleet.start();
    await expect(fleet.submit('bad', null, { id: 'x' })).rejects.toThrow('no');
    await fleet.submitAsync('hang', null, { id: 'y', delayMs: 1_000 });
    await fleet.cancelTask('y');
    await fleet.coordinator.submitResult('outside', {
      taskId: 'z',
      success: true,
      duration: 1,
      timestamp: 1
    });
    expect(fleet.calls).toEqual(['before x null', 'error x 1 no final']);
    await fleet.stop();
  });

  it('that throw change nothing, and are told to onListenerError', async () => {
    const errors: unknown[] = [];
    const fleet = new HookedFleet({ work: () => 'done' }, { onListenerError: (error) => errors.push(error) });
    fleet.fault = new Error('hook');
    await fleet.start();
    const batchId = await fleet.submitBatch([{ id: 'a', type: 'work', data: 1 }]);
    expect(await fleet.waitForBatch(batchId)).toMatchObject({ status: 'completed' });
    await settled();
    expect(errors).toEqual([fleet.fault, fleet.fault, fleet.fault]);
    await fleet.stop();
  });

  it('exclude an executor only where they belong to the attempt', () => {
    class After extends FleetManager {
      protected override onAfterTask() {}
    }
    expect(() => new HookedFleet(undefined, { executor: inProcess({}) })).toThrow(
      expect.objectContaining({ argument: 'options.executor' })
    );
    expect(() => new After({ executor: inProcess({}) })).not.toThrow();
  });
});

describe('types of a subclass', () => {
  interface ImageTask {
    readonly url: string;
  }
  interface Image {
    readonly bytes: number;
  }
  class ImageWorker extends WorkerAgent<ImageTask, Image> {
    protected override processTask({ data }: WorkerTask<ImageTask>) {
      return { bytes: data.url.length };
    }
  }
  class ImageFleet extends FleetManager<{ resize: (data: ImageTask) => Promise<Image> }> {
    readonly seen: number[] = [];
    protected override getWorkerInstance(id: string) {
      return new ImageWorker({ id });
    }
    protected override executeTaskOnWorker(
      worker: ImageWorker,
      task: WorkerTask<ImageTask>,
      context: HandlerContext
    ) {
      return worker.executeTask(task, context);
    }
    protected override onAfterTask(result: TaskResult<Image>) {
      this.seen.push(result.result!.bytes);
    }
  }

  it('are those of its handlers', async () => {
    const fleet = new ImageFleet({});
    await fleet.start();
    const image = await fleet.submit('resize', { url: 'abc' });
    expectTypeOf(image).toEqualTypeOf<Image>();
    expect(image).toEqual({ bytes: 3 });
    expect(fleet.seen).toEqual([3]);
    await fleet.stop();

    // Never called: what a compiler has to refuse.
    void [
      // @ts-expect-error -- the url is missing
      () => fleet.submitBatch([{ id: 'a', type: 'resize', data: {} }]),
      // @ts-expect-error -- no such type
      () => fleet.submit('crop', { url: 'abc' }),
      // @ts-expect-error -- the result is an image
      () => fleet.registerHandler('resize', () => 'text')
    ];
  });
});

class Worker extends WorkerAgent {
  cleanups = 0;
  readonly results: TaskResult[] = [];
  readonly #work: Work;
  readonly #prepare: () => void;

  constructor(work: Work, options: WorkerOptions, prepare = () => {}) {
    super(options);
    this.#work = work;
    this.#prepare = prepare;
  }

  protected override processTask({ data }: WorkerTask, context: HandlerContext) {
    return this.#work(data, context);
  }

  protected override prepare(): void | Promise<void> {
    this.#prepare();
  }

  protected override cleanup() {
    this.cleanups += 1;
  }

  protected override reportResult(result: TaskResult) {
    this.results.push(result);
  }
}

/** A fleet of two workers that are objects, on simulated time. */
class InstanceFleet extends FleetManager {
  readonly made: Worker[] = [];
  readonly clock: SimulatedClock;
  make: (id: string) => AnyWorkerAgent | Promise<AnyWorkerAgent>;

  constructor(work: Work, options: FleetManagerOptions = {}) {
    const clock = new SimulatedClock();
    super({
      clock,
      newId: countingIds(),
      random: () => 0,
      ...options,
      config: { maxConcurrentWorkers: 2, ...options.config }
    });
    this.clock = clock;
    this.make = (id) => {
      const worker = new Worker(work, { id });
      this.made.push(worker);
      return worker;
    };
  }

  protected override getWorkerInstance(id: string) {
    return this.make(id);
  }
}

class HookedFleet extends FleetManager {
  readonly calls: string[] = [];
  readonly clock: SimulatedClock;
  fault: Error | null = null;

  constructor(handlers?: Handlers, options: FleetManagerOptions = {}) {
    const clock = new SimulatedClock();
    super({ clock, random: () => 0.5, ...(handlers && { handlers }), ...options });
    this.clock = clock;
  }

  protected override onBeforeTask({ key, data }: WorkerTask) {
    this.#called('before', key, JSON.stringify(data));
  }

  protected override onAfterTask({ key, result }: TaskResult) {
    this.#called('after', key, String(result));
  }

  protected override onTaskError({ key, attempt, willRetry }: FailedAttempt, { message }: TaskError) {
    this.#called('error', key, String(attempt), message, willRetry ? 'retry' : 'final');
  }

  protected override onBatchSettled(batchId: string, status: FinalBatchState) {
    this.#called('batch', batchId, status);
  }

  #called(...words: string[]): void {
    this.calls.push(words.join(' '));
    if (this.fault !== null) throw this.fault;
  }
}

async function started<TFleet extends InstanceFleet>(fleet: TFleet): Promise<TFleet> {
  await fleet.start();
  await settled();
  return fleet;
}
