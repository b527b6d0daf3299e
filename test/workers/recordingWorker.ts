import {
  WorkerAgent,
  type HandlerContext,
  type TaskError,
  type TaskResult,
  type WorkerOptions,
  type WorkerTask
} from '../../src/index.ts';
import { SimulatedClock } from '../harness.ts';

type Work = (data: unknown, context: HandlerContext) => unknown;

/** A worker that does what the test says, and records what is called, in order. */
export class RecordingWorker extends WorkerAgent {
  readonly calls: string[] = [];
  readonly results: TaskResult[] = [];
  readonly hookErrors: unknown[];
  readonly clock: SimulatedClock;
  /** Hooks that misbehave, by name. */
  readonly faults: Readonly<Record<string, () => unknown>>;
  readonly #work: Work;

  constructor(
    work: Work = (data) => data,
    options: Partial<WorkerOptions> = {},
    faults: Readonly<Record<string, () => unknown>> = {}
  ) {
    const hookErrors: unknown[] = [];
    const clock = new SimulatedClock();
    super({ id: 'w', clock, onHookError: (error) => hookErrors.push(error), ...options });
    this.hookErrors = hookErrors;
    this.clock = clock;
    this.faults = faults;
    this.#work = work;
  }

  protected override processTask({ data }: WorkerTask, context: HandlerContext): unknown {
    this.calls.push('processTask');
    return this.#work(data, context);
  }

  protected override prepare() {
    return this.#called('prepare');
  }

  protected override cleanup() {
    return this.#called('cleanup');
  }

  protected override onBeforeTask({ id }: WorkerTask) {
    return this.#called('onBeforeTask', id);
  }

  protected override onAfterTask({ id }: WorkerTask) {
    return this.#called('onAfterTask', id);
  }

  protected override onError({ id }: WorkerTask, { name }: TaskError) {
    return this.#called('onError', id, name);
  }

  protected override reportResult(result: TaskResult) {
    this.results.push(result);
    return this.#called('reportResult', result.taskId);
  }

  protected override onProgress(_: WorkerTask, value: unknown) {
    return this.#called('onProgress', JSON.stringify(value)) as void;
  }

  protected override onLog(_: WorkerTask, line: string) {
    return this.#called('onLog', line) as void;
  }

  #called(hook: string, ...details: string[]): void | Promise<void> {
    this.calls.push([hook, ...details].join(' '));
    return this.faults[hook]?.() as void | Promise<void>;
  }
}

/** A task with this data. */
export function task(data: unknown = null, id = 'a') {
  return { id, type: 'work', data };
}
