import { systemClock, type Clock } from '../clock.ts';
import { ActiveClock } from '../journal/activeClock.ts';
import { Deadlines } from '../ledger/deadlines.ts';
import { assertClock } from '../validation/ports.ts';
import {
  assertDuration,
  assertFunction,
  assertId,
  assertOneOf,
  readFields,
  readItems,
  readOptions,
  refuse,
  withoutUndefined
} from '../validation/validation.ts';
import { warnOf } from '../validation/warning.ts';

/** What a worker says that it is doing. */
export type RegisteredStatus = (typeof registeredStatuses)[number];

const registeredStatuses = ['spawning', 'idle', 'busy', 'draining', 'stopped', 'error'] as const;

/** What a worker tells of itself. Other fields are kept beside these: the `info` of a `WorkerAgent` fits. */
export interface Registration {
  readonly id: string;
  /** Defaults to `idle`. */
  readonly status?: RegisteredStatus;
  /** What it offers that not every worker does. At most 1,000. Defaults to none. */
  readonly tags?: readonly string[];
}

/** A worker that was heard of in time. */
export type RegisteredWorker<TInfo extends Registration = Registration> = Omit<TInfo, 'status' | 'tags'> &
  Required<Pick<Registration, 'status' | 'tags'>> & {
    /** Epoch ms. */
    readonly registeredAt: number;
    readonly lastHeartbeatAt: number;
  };

/** Which workers are listed. */
export interface RegisteredWorkerFilter {
  readonly status?: RegisteredStatus;
  /** Only those that offer all of these. */
  readonly tags?: readonly string[];
}

export interface WorkerRegistryOptions {
  /** A worker that is not heard of for so long is gone, ms. Finite, > 0. Defaults to 30,000. */
  readonly expiryMs?: number;
  /** Source of time. Defaults to the machine's. */
  readonly clock?: Clock;
}

/** What a registry tells. */
export type RegistryEvent = (typeof registryEvents)[number];

const registryEvents = ['registered', 'expired', 'unregistered'] as const;

type Listener<TInfo extends Registration> = (worker: RegisteredWorker<TInfo>) => void;

/**
 * Who works, wherever that is: workers register, say now and then that they are alive, and are gone when they do
 * not.
 *
 * It lives in memory and gives copies. All workers share one timer, and none is set while there are no workers. Time
 * in which this process stood still lets nobody expire: nothing could have been heard then.
 */
export class WorkerRegistry<TInfo extends Registration = Registration> {
  readonly #expiryMs: number;
  readonly #clock: Clock;
  readonly #active: ActiveClock;
  readonly #workers = new Map<string, RegisteredWorker<TInfo>>();
  /** When workers are gone, in active time. */
  readonly #deadlines = new Deadlines<string>();
  readonly #listeners = new Map<RegistryEvent, Set<Listener<TInfo>>>();
  #alarm: Disposable | null = null;

  /** @throws {ValidationError} */
  constructor(options: WorkerRegistryOptions = {}) {
    const read = readOptions('options', options, ['expiryMs', 'clock']);
    const { expiryMs = 30_000, clock = systemClock } = read;
    assertDuration('options.expiryMs', expiryMs, Number.MIN_VALUE);
    assertClock('options.clock', clock);
    this.#expiryMs = expiryMs;
    this.#clock = clock;
    this.#active = new ActiveClock(clock);
  }

  /** Adds a worker, or takes what it says now for what it had said before. @throws {ValidationError} */
  register(info: TInfo): RegisteredWorker<TInfo> {
    const fields = readInfo('info', info);
    assertId('info.id', fields.id);
    const at = this.#clock.now();
    const known = this.#workers.get(fields.id);
    const worker = this.#keep({
      ...(fields as TInfo),
      status: fields.status ?? 'idle',
      tags: fields.tags ?? [],
      registeredAt: known?.registeredAt ?? at,
      lastHeartbeatAt: at
    });
    if (known === undefined) this.#tell('registered', worker);
    return copyOf(worker);
  }

  /**
   * The worker is alive.
   *
   * @param change - What it says of itself that is new.
   * @returns `false`: it is not known, or not any more; it has to register again.
   * @throws {ValidationError}
   */
  heartbeat(id: string, change: Partial<Omit<TInfo, 'id'>> = {}): boolean {
    assertId('id', id);
    const { id: otherId, ...given } = readInfo('change', change);
    if (otherId !== undefined) refuse('change.id', otherId, 'absent: a worker keeps its id');
    const known = this.#workers.get(id);
    if (known === undefined) return false;
    this.#keep({ ...known, ...withoutUndefined(given), lastHeartbeatAt: this.#clock.now() });
    return true;
  }

  /** A worker that is registered, or `null`. */
  get(id: string): RegisteredWorker<TInfo> | null {
    assertId('id', id);
    const worker = this.#workers.get(id);
    return worker === undefined ? null : copyOf(worker);
  }

  /** Those that match, in order of registration. @throws {ValidationError} */
  getWorkers(filter: RegisteredWorkerFilter = {}): RegisteredWorker<TInfo>[] {
    const { status, tags = [] } = readOptions('filter', filter, ['status', 'tags']);
    if (status !== undefined) assertOneOf('filter.status', status, registeredStatuses);
    const wanted = readTags('filter.tags', tags);
    return [...this.#workers.values()]
      .filter((worker) => status === undefined || worker.status === status)
      .filter((worker) => wanted.every((tag) => worker.tags.includes(tag)))
      .map(copyOf);
  }

  /** Lets a worker go. @returns `false`: it is not known, or not any more. */
  unregister(id: string): boolean {
    assertId('id', id);
    const worker = this.#forget(id);
    if (worker !== undefined) this.#tell('unregistered', worker);
    return worker !== undefined;
  }

  /**
   * Calls back with every worker that comes (`registered`), goes (`unregistered`), or is not heard of in time
   * (`expired`). What a listener throws is a warning of the process, and disturbs nobody else.
   */
  on(event: RegistryEvent, listener: Listener<TInfo>): Disposable {
    assertOneOf('event', event, registryEvents);
    assertFunction('listener', listener);
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return { [Symbol.dispose]: () => void listeners.delete(listener) };
  }

  /** Forgets all workers and tells nobody; no timer is left. It may be used again. Idempotent. */
  stop(): void {
    for (const id of [...this.#workers.keys()]) this.#forget(id);
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  /** Keeps what a worker has said, and begins its time anew. */
  #keep(worker: RegisteredWorker<TInfo>): RegisteredWorker<TInfo> {
    this.#workers.set(worker.id, worker);
    this.#active.watch(true);
    this.#deadlines.set(worker.id, this.#active.now() + this.#expiryMs);
    if (this.#alarm === null) this.#setAlarm();
    return worker;
  }

  #forget(id: string): RegisteredWorker<TInfo> | undefined {
    const worker = this.#workers.get(id);
    this.#workers.delete(id);
    this.#deadlines.delete(id);
    if (this.#workers.size > 0) return worker;
    this.#active.watch(false);
    this.#alarm?.[Symbol.dispose]();
    this.#alarm = null;
    return worker;
  }

  /** At or before the time of the first worker to expire: deadlines only move away. */
  #setAlarm(): void {
    const { nextAt } = this.#deadlines;
    if (nextAt === undefined) return;
    const delayMs = Math.max(0, nextAt - this.#active.now());
    this.#alarm = this.#clock.setAlarm(() => this.#expire(), delayMs);
  }

  #expire(): void {
    this.#alarm = null;
    const expired = this.#deadlines.takeDue(this.#active.now()).map((id) => this.#forget(id)!);
    this.#setAlarm();
    for (const worker of expired) this.#tell('expired', worker);
  }

  #tell(event: RegistryEvent, worker: RegisteredWorker<TInfo>): void {
    // A copy: a listener may subscribe or leave while it is told.
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      try {
        listener(copyOf(worker));
      } catch (error) {
        warnOf('A listener of a worker registry', error);
      }
    }
  }
}

/** What a worker says of itself, read once. */
function readInfo(argument: string, info: object): Partial<Registration> {
  const fields: Partial<Registration> = { ...readFields(argument, info) };
  const { status, tags } = fields;
  if (status !== undefined) assertOneOf(`${argument}.status`, status, registeredStatuses);
  return tags === undefined ? fields : { ...fields, tags: readTags(`${argument}.tags`, tags) };
}

function readTags(argument: string, tags: readonly string[]): readonly string[] {
  const listed = readItems(argument, tags, 1_000);
  for (const [index, tag] of listed.entries()) assertId(`${argument}[${index}]`, tag);
  return listed as string[];
}

function copyOf<TInfo extends Registration>(worker: RegisteredWorker<TInfo>): RegisteredWorker<TInfo> {
  return { ...worker, tags: [...worker.tags] };
}
