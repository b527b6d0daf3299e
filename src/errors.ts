import type { TaskResult } from '../machines/task.ts';
import { escapeControls, quote } from './validation/show.ts';

/** Base of every error that this library throws. `code` is stable; messages may be reworded. */
export abstract class FleetError extends Error {
  abstract readonly code: string;

  override get name(): string {
    return this.constructor.name;
  }
}

/** An argument that is not allowed. Thrown before anything is written: correct the call. */
export class ValidationError extends FleetError {
  readonly code = 'ERR_VALIDATION';

  /** Path of the argument, such as `tasks[3].priority`. */
  readonly argument: string;
  /** What was given, shortened. */
  readonly value: string;
  /** What is allowed. */
  readonly allowed: string;
  /** What a schema has against the data of a task, the first ten; none where no schema refused it. */
  readonly issues: readonly SchemaIssue[];

  constructor(
    argument: string,
    value: string,
    allowed: string,
    { issues = [], ...options }: ErrorOptions & { readonly issues?: readonly SchemaIssue[] } = {}
  ) {
    super(`${argument} is ${value}; it must be ${allowed}`, options);
    this.issues = issues;
    this.argument = argument;
    this.value = value;
    this.allowed = allowed;
  }
}

/** What a schema has against a value. */
export interface SchemaIssue {
  /** Path within the data, such as `.sizes[2].width`; empty: the data itself. */
  readonly path: string;
  readonly message: string;
}

/** The id names nothing that is stored, or nothing any more. */
export class NotFoundError extends FleetError {
  readonly code = 'ERR_NOT_FOUND';

  readonly kind: 'batch' | 'task' | 'schedule';
  readonly id: string;

  constructor(kind: NotFoundError['kind'], id: string) {
    super(`There is no ${kind} ${quote(id)}: it was never submitted, or it was removed`);
    this.kind = kind;
    this.id = id;
  }
}

/** The id is taken by something else, or what it names is in a state that forbids the call. */
export class ConflictError extends FleetError {
  readonly code = 'ERR_CONFLICT';

  readonly kind: 'batch' | 'coordinator' | 'fleet' | 'handler' | 'idempotencyKey' | 'schedule' | 'task';
  readonly id: string;

  constructor(kind: ConflictError['kind'], id: string, reason: string) {
    super(`${kind} ${quote(id)} ${reason}`);
    this.kind = kind;
    this.id = id;
  }
}

/** What helps against a state in which a command is not taken. */
const remedies: Readonly<Record<string, string>> = {
  standby: 'another process owns it: reach that with connectFleet()',
  disconnected: 'connect again with connectFleet()'
};

/** The fleet does not take this command now: start it, or wait until it is running. */
export class NotRunningError extends FleetError {
  readonly code = 'ERR_NOT_RUNNING';

  readonly fleet: string;
  readonly command: string;
  readonly state: string;

  constructor(fleet: string, command: string, state: string) {
    super(
      `Fleet ${quote(fleet)} is ${state} and does not take ${command}; ${remedies[state] ?? 'call start() first'}`
    );
    this.fleet = fleet;
    this.command = command;
    this.state = state;
  }
}

/** The worker takes no task now: it has as many as it may have, drains, or was not started. Nothing was started. */
export class WorkerUnavailableError extends FleetError {
  readonly code = 'ERR_WORKER_UNAVAILABLE';

  readonly workerId: string;
  readonly state: string;

  constructor(workerId: string, state: string, remedy: string) {
    super(`Worker ${quote(workerId)} is ${state} and takes no task; ${remedy}`);
    this.workerId = workerId;
    this.state = state;
  }
}

/** The owner of a fleet elsewhere refused a command, with an error that this version does not know. */
export class CommandRefusedError extends FleetError {
  readonly code = 'ERR_COMMAND_REFUSED';

  /** The code of the owner's error. */
  readonly ownerCode: string;

  constructor(ownerCode: string, message: string) {
    super(message);
    this.ownerCode = ownerCode;
  }
}

/** The queue has no room and `onQueueFull` is `reject`: submit again later. Nothing was saved. */
export class QueueFullError extends FleetError {
  readonly code = 'ERR_QUEUE_FULL';

  readonly maxQueueSize: number;

  constructor(maxQueueSize: number) {
    super(
      `The queue has no room within its maxQueueSize of ${maxQueueSize}; submit again when some have run`
    );
    this.maxQueueSize = maxQueueSize;
  }
}

/** The wait is over, not the work: what was waited for goes on. */
export class TimeoutError extends FleetError {
  readonly code = 'ERR_TIMEOUT';

  readonly subject: string;
  readonly timeoutMs: number;

  constructor(subject: string, timeoutMs: number, remedy = 'it goes on, wait for it again') {
    super(`${escapeControls(subject)} did not settle within ${timeoutMs} ms; ${remedy}`);
    this.subject = subject;
    this.timeoutMs = timeoutMs;
  }
}

/** A handler waits for its own task, or for the batch that it is part of: it would never settle. Not retried. */
export class SelfAwaitError extends FleetError {
  readonly code = 'ERR_SELF_AWAIT';

  readonly kind: 'batch' | 'task';
  readonly id: string;

  constructor(kind: 'batch' | 'task', id: string) {
    const subject = kind === 'task' ? 'its own task' : 'its own batch';
    super(`The handler would wait for ${subject} ${quote(id)} for ever; wait for it outside of the handler`);
    this.kind = kind;
    this.id = id;
  }
}

/** Throw it from a handler when another attempt cannot help. */
export class NonRetryableError extends FleetError {
  readonly code = 'ERR_NON_RETRYABLE';
}

/** The module of handlers cannot be used: it does not load, exports none, or throws at import, which is the `cause`. */
export class HandlerModuleError extends FleetError {
  readonly code = 'ERR_HANDLER_MODULE';

  /** Its URL. */
  readonly module: string;

  constructor(module: string, reason: string, options?: ErrorOptions) {
    super(`The handlers of ${escapeControls(module)} cannot be used: ${escapeControls(reason)}`, options);
    this.module = module;
  }
}

/** What was asked for needs a package that is not installed: install it beside this one. */
export class MissingPeerError extends FleetError {
  readonly code = 'ERR_MISSING_PEER';

  /** Its name. */
  readonly package: string;

  constructor(name: string, purpose: string, options?: ErrorOptions) {
    super(`The package ${name} is needed for ${purpose}, and is not installed; npm install ${name}`, options);
    this.package = name;
  }
}

/** What the caller held is somebody else's by now: an attempt of a task, or a fleet. Nothing was written. */
export class FencedError extends FleetError {
  readonly code = 'ERR_FENCED';

  readonly outcome = 'refused';
  /** The task and the number of its attempt; `null`: it is a fleet that was lost. */
  readonly key: string | null;
  readonly attempt: number | null;
  /** The fleet; `null`: it is an attempt that was lost. */
  readonly fleet: string | null;

  private constructor(message: string, lost: Pick<FencedError, 'key' | 'attempt' | 'fleet'>) {
    super(message);
    this.key = lost.key;
    this.attempt = lost.attempt;
    this.fleet = lost.fleet;
  }

  /** The attempt is not the caller's any more: its lease ended, or its task was cancelled. Drop what it did. */
  static ofAttempt(key: string, attempt: number): FencedError {
    const message =
      `Attempt ${attempt} of task ${quote(key)} holds no lease: its time ended, or the task was settled or ` +
      'cancelled meanwhile; drop its result';
    return new FencedError(message, { key, attempt, fleet: null });
  }

  /**
   * Another process owns the fleet, or may, because this one did not renew its lease in time.
   *
   * @param reason - Such as `another owner has it`.
   */
  static ofFleet(fleet: string, reason: string): FencedError {
    const message =
      `Fleet ${quote(fleet)} is not this process's any more: ${reason}; nothing of it counts here. ` +
      'Start it again, or use connectFleet() to reach its owner';
    return new FencedError(message, { key: null, attempt: null, fleet });
  }
}

/** The task of a `submit` or `waitFor` failed or timed out. */
export class TaskFailedError extends FleetError {
  readonly code = 'ERR_TASK_FAILED';

  readonly result: TaskResult;

  constructor(result: TaskResult) {
    super(`Task ${quote(result.key)} ${wordOf(result.status)}: ${result.error ?? 'no reason given'}`);
    this.result = result;
  }
}

/** The task of a `submit` or `waitFor` was cancelled; `result.failure` says whether by a dependency that failed. */
export class TaskCancelledError extends FleetError {
  readonly code = 'ERR_TASK_CANCELLED';

  readonly result: TaskResult;

  constructor(result: TaskResult) {
    const isDependent = result.failure?.code === 'ERR_DEPENDENCY';
    super(`Task ${quote(result.key)} was cancelled${isDependent ? `: ${result.error}` : ''}`);
    this.result = result;
  }
}

/** The store is owned by another process: read beside it, or send commands through its inbox. */
export class LockedError extends FleetError {
  readonly code = 'ERR_LOCKED';

  readonly path: string;
  /** Who owns it, as far as is known. */
  readonly owner: string;
  /** When it is worth trying again, ms: a hint. */
  readonly retryAfterMs: number;

  /** @param retryAfterMs - Defaults to a second: an owner whose lock ends with its process says nothing of its end. */
  constructor(path: string, owner: string, retryAfterMs = 1_000) {
    super(`Store ${path} is owned by ${owner}; stop that process, or send it commands instead of opening it`);
    this.path = path;
    this.owner = owner;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A live page cannot listen there: pass another `port` or `host`. Why is the `cause`. */
export class ListenError extends FleetError {
  readonly code = 'ERR_LISTEN';

  readonly host: string;
  readonly port: number;

  constructor(host: string, port: number, cause: NodeJS.ErrnoException) {
    const reason =
      cause.code === 'EADDRINUSE'
        ? 'it is taken; pass another port, or 0 for any that is free'
        : `${cause.message}; pass another host or port`;
    super(`The page cannot listen on port ${port} of ${host}: ${reason}`, { cause });
    this.host = host;
    this.port = port;
  }
}

/** A store operation failed. Whether it took effect is `outcome`. */
export class StoreError extends FleetError {
  readonly code:
    'ERR_STORE_FULL' | 'ERR_STORE_READONLY' | 'ERR_STORE_BUSY' | 'ERR_STORE_IO' | 'ERR_STORE_CLOSED';

  /** `refused`: nothing was written. `unknown`: read back what was. */
  readonly outcome: 'refused' | 'unknown';

  constructor(
    code: StoreError['code'],
    message: string,
    outcome: 'refused' | 'unknown',
    options?: ErrorOptions
  ) {
    super(message, options);
    this.code = code;
    this.outcome = outcome;
  }
}

/** The store holds what cannot be read. It is left untouched. */
export class CorruptStoreError extends FleetError {
  readonly code = 'ERR_STORE_CORRUPT';

  readonly path: string;

  constructor(path: string, reason: string, options?: ErrorOptions) {
    super(
      `Store ${path} cannot be read: ${reason}. It was left untouched; restore a copy or use another path`,
      options
    );
    this.path = path;
  }
}

/** The store was written by another version. It is left untouched. */
export class StoreVersionError extends FleetError {
  readonly code = 'ERR_STORE_VERSION';

  readonly path: string;
  readonly found: number;
  readonly expected: number;

  /** @param part - What has the version. */
  constructor(path: string, found: number, expected: number, part = 'its tables') {
    const remedy =
      found < expected
        ? 'start a fleet with it, which brings it up to date'
        : 'open it with the version that wrote it';
    super(
      `Store ${path} has version ${found} of ${part}, this xstate-fleet reads ${expected}; it was left untouched, ${remedy}`
    );
    this.path = path;
    this.found = found;
    this.expected = expected;
  }
}

/** The machine cannot be stepped as a row; run it as an actor, or reshape it. */
export class LifecycleError extends FleetError {
  readonly code = 'ERR_LIFECYCLE';

  readonly machine: string;

  constructor(machine: string, reason: string) {
    super(`Machine ${quote(machine)} cannot be compiled to a lifecycle: ${reason}`);
    this.machine = machine;
  }
}

function wordOf(status: TaskResult['status']): string {
  return status === 'timedOut' ? 'timed out' : status;
}
