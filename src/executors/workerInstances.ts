import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Clock } from '../clock.ts';
import { NonRetryableError, WorkerUnavailableError } from '../errors.ts';
import type { Attempt } from '../executor.ts';
import { waitWithin } from '../fleet/waiting.ts';
import type { Handler, HandlerContext } from '../handlers/handler.ts';
import type { HandlerRegistry } from '../handlers/handlerRegistry.ts';
import { refuse } from '../validation/validation.ts';
import { WorkerAgent, type AnyWorkerAgent } from '../workers/workerAgent.ts';
import type { WorkerTask } from '../workers/workerTask.ts';
import type { AttemptSource } from './attemptSource.ts';

/** How long an instance may take to be made and started, ms. */
const longestStartMs = 30_000;

export interface WorkerInstancesOptions {
  /** What they run themselves goes before what a worker does. */
  readonly handlers: HandlerRegistry;
  readonly clock: Clock;
  /** Tasks at once that the fleet gives a worker. */
  readonly concurrency: () => number;
  readonly getInstance: (workerId: string) => AnyWorkerAgent | Promise<AnyWorkerAgent>;
  readonly execute: (worker: AnyWorkerAgent, task: WorkerTask, context: HandlerContext) => unknown;
}

/** Workers of a fleet that are objects: each is made for one id, used until its place wants another, and stopped. */
export class WorkerInstances implements AttemptSource {
  readonly types = null;
  readonly workersAreIds = false;
  readonly #options: WorkerInstancesOptions;
  readonly #instances = new Map<string, AnyWorkerAgent>();
  /** Ids that are wanted: one whose instance comes late is not, when the worker was stopped meanwhile. */
  readonly #wanted = new Map<string, symbol>();

  constructor(options: WorkerInstancesOptions) {
    this.#options = options;
  }

  schemaOf(type: string): StandardSchemaV1 | undefined {
    return this.#options.handlers.schemaOf(type);
  }

  handlerOf({ type, workerId }: Attempt): Handler | undefined {
    const handler = this.#options.handlers.get(type);
    const instance = this.#instances.get(workerId);
    if (handler !== undefined || instance === undefined) return handler;
    return async (data: unknown, context) => {
      const task = { ...context.task, data };
      return returnedOf(await this.#options.execute(instance, task, context), task);
    };
  }

  /**
   * @throws what `getInstance` or the instance's start throws. @throws {TimeoutError} @throws {ValidationError} for
   * what is no worker of this id, or takes fewer tasks at once than the fleet gives.
   */
  async startWorker(workerId: string): Promise<{ readonly tags: readonly string[] }> {
    const order = Symbol(workerId);
    this.#wanted.set(workerId, order);
    const isWanted = (): boolean => this.#wanted.get(workerId) === order;
    const making = this.#make(workerId, isWanted);
    try {
      const instance = await waitWithin<AnyWorkerAgent>(
        `The start of worker ${workerId}`,
        { timeoutMs: longestStartMs },
        this.#options.clock,
        (resolve, reject) => {
          making.then(resolve, reject);
          return { [Symbol.dispose]() {} };
        }
      );
      if (!isWanted()) throw new WorkerUnavailableError(workerId, 'stopped', 'it is wanted no more');
      this.#instances.set(workerId, instance);
      return { tags: instance.tags };
    } catch (error) {
      if (isWanted()) this.#wanted.delete(workerId);
      // It may come late, or have come too late; nobody waits for it any more.
      making.then(stopInstance, ignore);
      throw error;
    }
  }

  async stopWorker(workerId: string): Promise<void> {
    this.#wanted.delete(workerId);
    const instance = this.#instances.get(workerId);
    this.#instances.delete(workerId);
    if (instance !== undefined) await stopInstance(instance);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#wanted.keys()].map((workerId) => this.stopWorker(workerId)));
  }

  async #make(workerId: string, isWanted: () => boolean): Promise<AnyWorkerAgent> {
    const instance = await this.#options.getInstance(workerId);
    if (!isWanted()) return instance;
    const name = `The worker that getWorkerInstance gave for ${workerId}`;
    if (!(instance instanceof WorkerAgent)) refuse(name, instance, 'a WorkerAgent');
    const id = instance.getWorkerId();
    if (id !== workerId) refuse(`${name}: its id`, id, `${workerId}, under which its results are known`);
    const wanted = this.#options.concurrency();
    const { concurrency } = instance;
    if (concurrency !== null && concurrency < wanted) {
      refuse(`${name}: its concurrency`, concurrency, `at least the fleet's workerConcurrency of ${wanted}`);
    }
    await instance.start();
    return instance;
  }
}

/** Of what nobody waits for any more. */
function ignore(): void {}

async function stopInstance(instance: AnyWorkerAgent): Promise<void> {
  await instance.stop({ graceful: false });
}

/**
 * What an attempt on a worker came to, for the rules that every handler's return goes through: a `TaskResult` of the
 * task is its result or its failure, anything else is a value.
 */
function returnedOf(returned: unknown, { id }: WorkerTask): unknown {
  if (typeof returned !== 'object' || returned === null) return returned;
  const { taskId, success, result, failure } = returned as Readonly<Record<string, unknown>>;
  if (taskId !== id || typeof success !== 'boolean') return returned;
  if (success) return result;
  if (typeof failure === 'object' && failure !== null) throw thrownOf(failure);
  return returned;
}

/** A failure as it was thrown, as far as rules look at that. */
function thrownOf(failure: object): Error {
  if (!('retryable' in failure) || failure.retryable !== false) return failure as Error;
  return Object.create(
    NonRetryableError.prototype,
    Object.getOwnPropertyDescriptors(failure)
  ) as NonRetryableError;
}
