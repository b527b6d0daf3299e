// A process with a fleet above a store on a faulty disk. It does what it is asked to over its channel, one fleet
// after the other, and tells what befalls them. It ends by itself when the channel is closed.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { scope } from '../../../reliability/powercut/workload.ts';
import { FleetManager, StoreError, type Store } from '../../../src/index.ts';
import { sqliteStore, type SqliteOptions } from '../../../src/stores/sqlite.ts';
import { gate } from '../../harness.ts';

/** What a fleet told, or what its handlers did. */
export type Event =
  | { readonly type: 'store.unavailable'; readonly code: string }
  | { readonly type: 'store.recovered' }
  | { readonly type: 'began' | 'ended'; readonly key: string };

export interface Request {
  readonly id: number;
  readonly call: keyof Calls;
  readonly args: readonly unknown[];
}

export type Message = { readonly event: Event } | Reply;

export type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: { readonly code: string; readonly outcome: string | null } };

/** What happened in the event loop while a submission waited for the disk. */
export interface Wait {
  /** Timers that fired. */
  readonly ticks: number;
  /** Keys of the tasks whose handlers ended, in order. */
  readonly ended: readonly string[];
  /** The longest time that the event loop was held, ms. */
  readonly longestBlockMs: number;
}

export type Calls = typeof calls;

const gates = new Map<string, ReturnType<typeof gate<void>>>();
let ended: string[] = [];
let store: Store;
let fleet: FleetManager<typeof handlers>;

const handlers = {
  quick: (_: null, { key }: { key: string }) => told(key, Promise.resolve()),
  /** Runs until `release` is called. */
  held(_: null, { key }: { key: string }) {
    const held = gate();
    gates.set(key, held);
    return told(key, held.promise);
  }
};

const calls = {
  async start(path: string, options: SqliteOptions): Promise<void> {
    store = sqliteStore(path, options);
    fleet = new FleetManager({ name: scope, store, handlers, config: { maxConcurrentWorkers: 4 } });
    fleet.on('store.unavailable', ({ type, code }) => tell({ event: { type, code } }));
    fleet.on('store.recovered', ({ type }) => tell({ event: { type } }));
    await fleet.start();
  },

  /** Submits a batch of one task. */
  async submit(batchId: string, type: keyof typeof handlers): Promise<void> {
    await fleet.submitBatch([{ id: 'task', type, data: null }], { batchId });
  },

  /** Submits, and watches the event loop until it is acknowledged. */
  async submitWatched(batchId: string): Promise<Wait> {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    ended = [];
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 1);
    delay.enable();
    await calls.submit(batchId, 'quick');
    delay.disable();
    clearInterval(timer);
    return { ticks, ended, longestBlockMs: delay.max / 1e6 };
  },

  release(batchId: string): void {
    gates.get(`${batchId}/task`)!.open();
  },

  async waitFor(batchId: string): Promise<string> {
    return (await fleet.waitForBatch(batchId)).status;
  },

  async stop(): Promise<void> {
    await fleet.stop({ graceful: false });
    await store.close();
  }
};

process.on('message', ({ id, call, args }: Request) => {
  const carryOut = calls[call] as (...args: readonly unknown[]) => unknown;
  // The call begins at once, so that what is asked in a row is done in a row.
  new Promise((resolve) => resolve(carryOut(...args))).then(
    (value) => tell({ id, value: value ?? null }),
    (error: unknown) => tell({ id, error: described(error) })
  );
});

async function told(key: string, work: Promise<void>): Promise<string> {
  tell({ event: { type: 'began', key } });
  await work;
  ended.push(key);
  tell({ event: { type: 'ended', key } });
  return key;
}

function described(error: unknown): { code: string; outcome: string | null } {
  const { code } = error as { code?: string };
  return { code: code ?? String(error), outcome: error instanceof StoreError ? error.outcome : null };
}

function tell(message: Message): void {
  process.send!(message);
}
