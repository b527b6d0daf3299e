import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { createActor, type Actor, type AnyStateMachine, type InspectionEvent } from 'xstate';
import { describe, expect, it } from 'vitest';
import {
  memoryStore,
  StoreError,
  type BatchRow,
  type Commit,
  type ScheduleRow,
  type Store,
  type TaskRow
} from '../../src/index.ts';
import { SimulatedClock, startFleet, type TestFleet } from '../harness.ts';
import { shadowOf } from './inspector.ts';

/** What is done to a fleet. Handlers end when they are told to, with their signal at the latest. */
type Deed =
  | { readonly type: 'submit'; readonly tasks: number; readonly delayMs: number; readonly dependent: boolean }
  | { readonly type: 'end'; readonly handler: number; readonly success: boolean }
  | { readonly type: 'cancelTask' | 'pauseBatch' | 'resumeBatch' | 'cancelBatch'; readonly batch: number }
  | { readonly type: 'schedule' | 'pauseSchedule' | 'resumeSchedule' | 'unschedule' }
  | { readonly type: 'fault'; readonly outcome: 'refused' | 'unknown'; readonly isWritten: boolean }
  | { readonly type: 'advance'; readonly ms: number }
  | { readonly type: 'crash' };

const kinds = ['task', 'batch', 'schedule'] as const;
const pick = fc.nat({ max: 20 });
const deed: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('submit' as const),
      tasks: fc.integer({ min: 1, max: 4 }),
      delayMs: fc.constantFrom(0, 0, 150),
      dependent: fc.boolean()
    })
  },
  {
    weight: 8,
    arbitrary: fc.record({ type: fc.constant('end' as const), handler: pick, success: fc.boolean() })
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constantFrom(
        'cancelTask' as const,
        'pauseBatch' as const,
        'resumeBatch' as const,
        'cancelBatch' as const
      ),
      batch: pick
    })
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constantFrom(
        'schedule' as const,
        'schedule' as const,
        'pauseSchedule' as const,
        'resumeSchedule' as const,
        'unschedule' as const
      )
    })
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('fault' as const),
      outcome: fc.constantFrom('refused' as const, 'unknown' as const),
      isWritten: fc.boolean()
    })
  },
  {
    weight: 5,
    arbitrary: fc.record({ type: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 1_500 }) })
  },
  { weight: 1, arbitrary: fc.constant({ type: 'crash' as const }) }
);

describe('what an inspector sees of a row', () => {
  it('is the committed row after each turn, and what an actor of its machine makes of the same events', async () => {
    let compared = 0;
    const stepped = { task: 0, batch: 0, schedule: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(deed, { minLength: 20, maxLength: 40 }), async (deeds) => {
        const world = await startWorld();
        for (const each of deeds) {
          await world.do(each);
          world.compare();
        }
        await world.end();
        compared += world.compared;
        for (const kind of kinds) stepped[kind] += world.stepped[kind];
      }),
      { numRuns: 100 }
    );
    expect(compared).toBeGreaterThan(1_000);
    for (const kind of kinds) expect(stepped[kind]).toBeGreaterThan(20);
  });
});

async function startWorld() {
  const rows = new CommittedRows();
  const shadows = new Shadows();
  const handlers: { end: (success: boolean) => void }[] = [];
  const clock = new SimulatedClock();
  const work = (_: unknown, { signal }: { readonly signal: AbortSignal }) =>
    new Promise<void>((resolve, reject) => {
      const handler = { end: (success: boolean) => (success ? resolve() : reject(new Error('no luck'))) };
      handlers.push(handler);
      signal.addEventListener('abort', () => resolve());
    });
  let current: TestFleet<{ work: typeof work }> = await startFleet({
    clock,
    store: rows.store,
    handlers: { work },
    config: { maxConcurrentWorkers: 3, maxRetries: 1 },
    inspect: (event) => shadows.take(event),
    inspectRows: { tasks: { max: 1_000 }, batches: { max: 1_000 }, schedules: { max: 1_000 } },
    onListenerError: (error) => shadows.errors.push(error)
  });
  const batches: string[] = [];
  let compared = 0;

  return {
    get compared() {
      return compared;
    },
    get stepped() {
      return shadows.stepped;
    },
    async do(each: Deed): Promise<void> {
      // What is refused, since it is not there or in another state, is refused.
      await Promise.race([this.perform(each).catch(() => {}), clock.advance(0)]);
      await clock.advance(0);
    },
    async perform(each: Deed): Promise<unknown> {
      const { fleet } = current;
      const batchOf = (index: number) => batches[index % batches.length] ?? 'none';
      switch (each.type) {
        case 'submit': {
          const batchId = `b${batches.push(`b${batches.length}`) - 1}`;
          const tasks = Array.from({ length: each.tasks }, (_, index) => ({
            id: String(index),
            type: 'work' as const,
            data: null,
            delayMs: each.delayMs,
            ...(each.dependent && index > 0 && { dependsOn: ['0'] })
          }));
          return fleet.submitBatch(tasks, { batchId });
        }
        case 'end':
          if (handlers.length > 0) handlers.splice(each.handler % handlers.length, 1)[0]!.end(each.success);
          return undefined;
        case 'cancelTask':
          return fleet.cancelTask(`${batchOf(each.batch)}/0`);
        case 'pauseBatch':
        case 'resumeBatch':
        case 'cancelBatch':
          return fleet[each.type](batchOf(each.batch));
        case 'schedule':
          return fleet.schedule('s', { everyMs: 1_000 }, { type: 'work', data: null });
        case 'pauseSchedule':
        case 'resumeSchedule':
        case 'unschedule':
          return fleet[each.type]('s');
        case 'fault':
          rows.fault = each;
          return undefined;
        case 'advance':
          return clock.advance(each.ms);
        case 'crash':
          rows.fault = null;
          handlers.length = 0;
          await current.crash();
          current = await current.restart();
          return undefined;
      }
    },
    /** What is live is followed, and is as it is shown. */
    compare(): void {
      expect(shadows.errors).toEqual([]);
      const shown = shadows.shown();
      expect(shown).toEqual(rows.live());
      compared += shown.length;
    },
    async end(): Promise<void> {
      const stopped = current.fleet.stop({ graceful: false });
      await clock.advance(10_000);
      await stopped;
      expect(shadows.shown()).toEqual([]);
    }
  };
}

/** A store that keeps, beside the real one, the rows as they were committed last. */
class CommittedRows {
  fault: Extract<Deed, { type: 'fault' }> | null = null;
  readonly store: Store;
  /** Commits of which the fleet may not know that they took effect: it shows nothing of them until it has asked. */
  readonly #written: Commit[] = [];
  readonly #rows = new Map<string, TaskRow | BatchRow | ScheduleRow>();

  constructor() {
    const inner = memoryStore();
    this.store = {
      ...inner,
      commit: async (commit) => {
        const { fault } = this;
        this.fault = null;
        if (fault === null || (fault.outcome === 'unknown' && fault.isWritten)) {
          await inner.commit(commit);
          this.#written.push(commit);
        }
        if (fault === null) this.#keepWritten();
        else throw new StoreError('ERR_STORE_IO', 'The disk is gone', fault.outcome);
      },
      readHead: async (scope) => {
        const head = await inner.readHead(scope);
        this.#keepWritten();
        return head;
      },
      open: async (...args) => {
        this.#keepWritten();
        return inner.open(...args);
      }
    };
  }

  /** Of rows that are not final: name, state and context. */
  live(): unknown[] {
    return [...this.#rows]
      .filter(
        ([, { state }]) =>
          !['completed', 'failed', 'timedOut', 'cancelled', 'partial', 'ended'].includes(state)
      )
      .map(([name, { state, context }]) => [name, state, context])
      .toSorted(byName);
  }

  #keepWritten(): void {
    for (const commit of this.#written.splice(0)) this.#keep(commit);
  }

  #keep({ newTasks, tasks, batches, schedules }: Commit): void {
    for (const row of [...newTasks.map(({ row }) => row), ...tasks])
      this.#rows.set(`task:${row.context.key}`, row);
    for (const row of batches) this.#rows.set(`batch:${row.context.id}`, row);
    for (const { id, row } of schedules) {
      if (row === null) this.#rows.delete(`schedule:${id}`);
      else this.#rows.set(`schedule:${id}`, row);
    }
  }
}

interface Shown {
  readonly value: unknown;
  readonly context: unknown;
  readonly status: string;
}

/** The shadows that an inspector is shown, each beside a real actor that is sent the same events. */
class Shadows {
  readonly errors: unknown[] = [];
  readonly stepped = { task: 0, batch: 0, schedule: 0 };
  readonly #live = new Map<string, { readonly real: Actor<AnyStateMachine>; shown: Shown }>();

  take(event: InspectionEvent): void {
    const shadow = shadowOf(event);
    if (shadow === null) return;
    const { id, logic } = shadow;
    if (event.type === '@xstate.actor') {
      if (this.#live.has(id)) this.errors.push(`${id} appeared twice`);
      const shown: Shown = shadow.getSnapshot();
      const real = createActor(logic, {
        snapshot: logic.getPersistedSnapshot(shadow.getSnapshot()),
        input: undefined
      }).start();
      this.#live.set(id, { real, shown });
    }
    if (event.type !== '@xstate.snapshot') return;
    const { real } = this.#live.get(id)!;
    const shown = event.snapshot as unknown as Shown;
    if (shown.status === 'stopped') {
      this.#live.delete(id);
      return;
    }
    if (event.event.type !== 'xstate.init') {
      real.send(event.event);
      this.stepped[kindOf(id)] += 1;
    }
    const { value, context, status } = real.getSnapshot() as Shown;
    const made = { value, context, status };
    const seen = { value: shown.value, context: shown.context, status: shown.status };
    if (!isDeepStrictEqual(seen, made)) this.errors.push({ id, event: event.event, seen, made });
    if (status === 'done') this.#live.delete(id);
    else this.#live.set(id, { real, shown });
  }

  shown(): unknown[] {
    return Array.from(this.#live, ([id, { shown }]) => [id, shown.value, shown.context]).toSorted(byName);
  }
}

function kindOf(id: string): (typeof kinds)[number] {
  return kinds.find((kind) => id.startsWith(`${kind}:`))!;
}

function byName(left: readonly unknown[], right: readonly unknown[]): number {
  return String(left[0]) < String(right[0]) ? -1 : 1;
}
