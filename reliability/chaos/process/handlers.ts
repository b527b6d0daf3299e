import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { NonRetryableError } from '../../../src/errors.ts';
import type { HandlerContext } from '../../../src/handlers/handler.ts';
import { valueOf, type Kind, type TaskData, type WayToDie } from '../kinds.ts';
import type { Log } from '../log.ts';
import type { Begun } from './begun.ts';
import type { Trap } from './trap.ts';

/** What a handler does between its beginning and its effect. It throws when it fails. */
type Deed = (data: TaskData, context: HandlerContext) => Promise<void> | void;

type Handler = (data: TaskData, context: HandlerContext) => unknown;

/** Handlers that write down that they began, that they had their effect, and how they were left. */
export function recordedHandlers(log: Log, trap: Trap, begun: Begun): Readonly<Record<Kind, Handler>> {
  const kinds = Object.keys(deeds) as Kind[];
  return Object.fromEntries(kinds.map((kind) => [kind, recorded(kind, log, trap, begun)])) as Record<
    Kind,
    Handler
  >;
}

function recorded(kind: Kind, log: Log, trap: Trap, begun: Begun): Handler {
  return (data, context) => {
    const attempt = { key: context.key, attempt: context.attempt };
    const leave = (how: 'done' | 'failed' | 'aborted' | 'ignoring'): void =>
      log.write({ type: 'left', ...attempt, how });
    const complete = (): unknown => {
      trap.pass('handler: before its effect');
      log.write({ type: 'effect', ...attempt });
      trap.pass('handler: after its effect');
      leave('done');
      return valueOf(context.key, data);
    };
    const fail = (error: unknown): never => {
      leave(error instanceof Error && error.name === 'AbortError' ? 'aborted' : 'failed');
      throw error;
    };
    log.write({ type: 'began', ...attempt });
    begun.add(context.key);
    if (kind === 'late' || kind === 'deaf') {
      context.signal.addEventListener('abort', () => leave('ignoring'), { once: true });
    }
    try {
      const done = deeds[kind](data, context);
      return done === undefined ? complete() : done.then(complete, fail);
    } catch (error) {
      return fail(error);
    }
  };
}

const deeds: Readonly<Record<Kind, Deed>> = {
  quick() {},
  working: ({ n }, { signal }) => sleep(5 + ((n * 7) % 30), undefined, { signal }),
  long: (_, { signal }) => sleep(400, undefined, { signal }),
  timely: (_, { signal }) => sleep(150, undefined, { signal }),
  async chatty({ n }, { progress, log, signal }) {
    progress({ done: n });
    log(`at ${n}`);
    await sleep(1, undefined, { signal });
    progress(1);
  },
  flaky(_, { attempt }) {
    if (attempt <= 2) throw new Error(`attempt ${attempt} fails`);
  },
  async broken(_, { signal }) {
    await sleep(2, undefined, { signal });
    throw new Error('fails always');
  },
  odd({ n }) {
    throw oddValues[n % oddValues.length]!();
  },
  hopeless() {
    throw new NonRetryableError('no retry helps');
  },
  slow: (_, { signal }) => sleep(60_000, undefined, { signal }),
  /** Ends within the grace after its abort, or beyond it. */
  async late({ n }, { signal }) {
    await once(signal, 'abort');
    await sleep(30 + ((n * 37) % 150), undefined, { ref: false });
  },
  deaf: () => new Promise(() => {}),
  held: (_, { signal }) => sleep(600_000, undefined, { signal }),
  lethal: ({ wayToDie }) => waysOut[wayToDie!]()
};

/** What is thrown by code that does not throw errors. */
const oddValues: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => 7n,
  () => Symbol('odd'),
  () => Object.freeze({ odd: true }),
  () => new Proxy({}, { get: () => raise('a getter throws') }),
  () => Object.assign(new Error('cyclic'), { cause: cycle() })
];

const waysOut: Readonly<Record<WayToDie, () => void>> = {
  kill: () => void process.kill(process.pid, 'SIGKILL'),
  exit: () => process.exit(7),
  abort: () => process.abort(),
  segv: () => void process.kill(process.pid, 'SIGSEGV'),
  memory() {
    for (const hoard: unknown[] = []; ;) hoard.push(Array.from({ length: 100_000 }, () => ({})));
  }
};

function raise(message: string): never {
  throw new Error(message);
}

function cycle(): object {
  const self: { self?: object } = {};
  self.self = self;
  return self;
}
