import { NonRetryableError } from '../errors.ts';
import type { Handler, HandlerContext } from '../handlers/handler.ts';
import type { Json } from '../../machines/task.ts';
import { assertDuration, assertFunction, readFields, readOptions, refuse } from '../validation/validation.ts';
import { clockOf } from './simulation.ts';

/** A call of a script. */
export interface ScriptCall<TData = unknown> {
  readonly key: string;
  readonly taskId: string;
  /** Integer >= 1. */
  readonly attempt: number;
  readonly workerId: string;
  readonly data: TData;
  /** Whether its attempt was aborted, by now. */
  readonly isAborted: boolean;
}

/**
 * A handler that does what a test says, and remembers its calls. Scripts are made of scripts.
 *
 * It stands for handlers that take less too, so that a class of yours need not know that it is tested.
 */
export interface Script<TResult = unknown, TData = unknown> {
  (): Promise<TResult>;
  (data: TData): Promise<TResult>;
  (data: TData, context: HandlerContext): Promise<TResult>;
  /** In order. */
  readonly calls: readonly ScriptCall<TData>[];
}

/** A script whose calls wait until the test lets them go on. */
export interface Gate<TResult, TData> extends Script<TResult, TData> {
  /** Keys of the tasks that wait, in order. */
  readonly waiting: readonly string[];
  /** Lets those go on that wait, and all that come from now on. */
  open(): void;
}

// oxlint-disable-next-line typescript/no-explicit-any -- any script is a step of another
type AnyScript = Script<any, any>;

/** What any of the scripts gives, and the data that all of them take. */
type Combined<TScripts extends AnyScript> = Script<
  Awaited<ReturnType<TScripts>>,
  (TScripts extends unknown ? (data: Parameters<TScripts>[0]) => void : never) extends (
    data: infer TData
  ) => void
    ? TData
    : never
>;

/**
 * Handlers for tests, by the piece: `script.sequence(script.fail('ECONNRESET'), script.succeed(1))`.
 *
 * What takes time takes simulated time: it needs a fleet of `testFleet`.
 */
export const script = { succeed, fail, hang, after, progress, sequence, byTask, gate, call, real };

/** Completes with a value. */
function succeed<TResult>(result: TResult): Script<TResult> {
  return scripted(() => result);
}

/**
 * Fails the attempt.
 *
 * @param error - What is thrown, or its message.
 * @param options - `retryable: false`: no other attempt follows. Defaults to what the fleet makes of the error.
 */
function fail(error: string | Error, options: { readonly retryable?: boolean } = {}): Script<never> {
  const { retryable } = readOptions('options', options, ['retryable']);
  if (typeof error !== 'string' && !(error instanceof Error))
    refuse('error', error, 'an Error, or its message');
  const { message } = typeof error === 'string' ? { message: error } : error;
  return scripted(() => {
    if (retryable === false) throw new NonRetryableError(message, { cause: error });
    throw typeof error === 'string' ? new Error(message) : error;
  });
}

/**
 * Does not end by itself.
 *
 * @param options - `ignoresAbort`: it does not end when it is aborted either. By default it fails then.
 */
function hang(options: { readonly ignoresAbort?: boolean } = {}): Script<never> {
  const { ignoresAbort = false } = readOptions('options', options, ['ignoresAbort']);
  return scripted((_, { signal }) => untilAborted(ignoresAbort ? null : signal, () => {}));
}

/** Takes simulated time, then does something. An abort ends it. @param ms - Finite, >= 0. */
function after<TScript extends AnyScript>(ms: number, next: TScript): Combined<TScript> {
  assertDuration('ms', ms, 0);
  assertFunction('next', next);
  return scripted(async (data, context) => {
    const clock = clockOf('script.after');
    await untilAborted<void>(context.signal, (resolve) => clock.setAlarm(resolve, ms));
    return next(data, context) as unknown;
  }) as Combined<TScript>;
}

/** Tells a progress, then does something. */
function progress<TScript extends AnyScript>(value: Json, next: TScript): Combined<TScript> {
  assertFunction('next', next);
  return scripted((data, context) => {
    context.progress(value);
    return next(data, context) as unknown;
  }) as Combined<TScript>;
}

/** Does one thing at each attempt of a task: the first at attempt 1, and so on; the last one at all that follow. */
function sequence<TScripts extends readonly [AnyScript, ...AnyScript[]]>(
  ...steps: TScripts
): Combined<TScripts[number]> {
  if (steps.length === 0) refuse('steps', steps, 'at least one');
  for (const [index, step] of steps.entries()) assertFunction(`steps[${index}]`, step);
  return scripted(
    (data, context) => steps[Math.min(context.attempt, steps.length) - 1]!(data, context) as unknown
  ) as Combined<TScripts[number]>;
}

/** Does one thing for each task that is named by its id, and another for all others. */
function byTask<TScript extends AnyScript, TOther extends AnyScript>(
  scripts: Readonly<Record<string, TScript>>,
  others: TOther
): Combined<TScript | TOther> {
  assertFunction('others', others);
  const byId = new Map(Object.entries(readFields('scripts', scripts)));
  for (const [id, step] of byId) assertFunction(`scripts.${id}`, step);
  return scripted(
    (data, context) => (byId.get(context.task.id) ?? others)(data, context) as unknown
  ) as Combined<TScript | TOther>;
}

/** Waits until the test opens it, then does something. An abort ends the wait. */
function gate<TScript extends AnyScript>(
  next: TScript
): Gate<Awaited<ReturnType<TScript>>, Parameters<TScript>[0]> {
  assertFunction('next', next);
  const waiting = new Map<() => void, string>();
  let isOpen = false;
  const held = scripted(async (data: Parameters<TScript>[0], context) => {
    if (!isOpen) {
      await untilAborted<void>(context.signal, (resolve) => {
        waiting.set(resolve, context.key);
        return { [Symbol.dispose]: () => void waiting.delete(resolve) };
      });
    }
    return next(data, context) as Awaited<ReturnType<TScript>>;
  });
  const open = (): void => {
    isOpen = true;
    for (const resolve of [...waiting.keys()]) resolve();
    waiting.clear();
  };
  return Object.defineProperty(Object.assign(held, { open }), 'waiting', {
    get: () => [...waiting.values()]
  }) as Gate<Awaited<ReturnType<TScript>>, Parameters<TScript>[0]>;
}

/** Calls a handler of your own, which is to be a step of a script or whose calls are to be remembered. */
function call<THandler extends Handler>(
  handler: THandler
): Script<Awaited<ReturnType<THandler>>, Parameters<THandler>[0]> {
  assertFunction('handler', handler);
  return scripted((data: Parameters<THandler>[0], context) => handler(data, context) as never);
}

/** The same for one that does real input and output: time stands still until it has ended. */
function real<THandler extends Handler>(
  handler: THandler
): Script<Awaited<ReturnType<THandler>>, Parameters<THandler>[0]> {
  assertFunction('handler', handler);
  return scripted((data: Parameters<THandler>[0], context) => {
    const work = (async () => handler(data, context) as unknown)();
    return clockOf('script.real').hold(work) as Promise<Awaited<ReturnType<THandler>>>;
  });
}

function scripted<TResult, TData>(
  run: (data: TData, context: HandlerContext) => TResult | Promise<TResult>
): Script<TResult, TData> {
  const calls: ScriptCall<TData>[] = [];
  const handler = Object.assign(
    async (data: TData, context: HandlerContext) => {
      const { key, task, attempt, workerId, signal } = context;
      calls.push({
        key,
        taskId: task.id,
        attempt,
        workerId,
        data,
        get isAborted() {
          return signal.aborted;
        }
      });
      return run(data, context);
    },
    { calls }
  );
  // A fleet always gives both arguments.
  return handler as unknown as Script<TResult, TData>;
}

/** What `begin` resolves; rejects with the reason of the signal, and disposes of what was begun. */
function untilAborted<T>(
  signal: AbortSignal | null,
  begin: (resolve: (value: T) => void) => Disposable | void
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const begun = begin(resolve);
    signal?.addEventListener(
      'abort',
      () => {
        begun?.[Symbol.dispose]();
        reject(signal.reason as Error);
      },
      { once: true }
    );
  });
}
