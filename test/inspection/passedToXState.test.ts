import { createActor, setup, type AnyActorRef, type AnyMachineSnapshot, type InspectionEvent } from 'xstate';
import { describe, expect, it, vi } from 'vitest';
import {
  CoordinatorAgent,
  createFleetLogic,
  submitBatchEvent,
  type FleetManagerOptions
} from '../../src/index.ts';
import { Turn } from '../../src/turn/turn.ts';
import { settled, SimulatedClock, startFleet } from '../harness.ts';
import { shadowOf } from './inspector.ts';

const handlers = { noop: () => {} };
const noop = { id: 'a', type: 'noop', data: null } as const;

describe('an inspector', () => {
  it('is an observer as well as a function', async () => {
    class Observer {
      readonly told: InspectionEvent[] = [];
      next(event: InspectionEvent): void {
        this.told.push(event);
      }
    }
    const observer = new Observer();
    const { fleet } = await startFleet({ handlers, inspect: observer });
    await fleet.submit('noop', null);
    const seen = actorsIn(observer.told);
    expect([...seen.keys()]).toEqual(
      expect.arrayContaining(['fleet', 'coordinator', 'worker-1', 'task:id-1'])
    );
    await fleet.stop();
  });

  it('sees workers that come later, and those that go', async () => {
    const told: InspectionEvent[] = [];
    const { fleet } = await startFleet({
      handlers,
      config: { maxConcurrentWorkers: 1 },
      inspect: (event) => told.push(event)
    });
    expect(actorsIn(told).has('worker-2')).toBe(false);
    await fleet.scaleWorkers(2);
    await settled();
    expect(actorsIn(told).get('worker-2')).toBe('active');
    await fleet.scaleWorkers(1);
    await settled();
    const last = told.findLast((event) => event.type === '@xstate.snapshot' && idOf(event) === 'worker-2');
    expect(last).toMatchObject({ snapshot: { value: 'stopped' } });
    await fleet.stop();
    expect(actorsIn(told).get('fleet')).toBe('done');
  });

  it('sees agents that are taken up after a restart as they were', async () => {
    const { fleet, restart } = await startFleet({ handlers });
    await fleet.submit('noop', null);
    await fleet.pause();
    await fleet.stop();

    const told: InspectionEvent[] = [];
    const next = await restart({ inspect: (event) => told.push(event) });
    const snapshots = told.flatMap((event) =>
      event.type === '@xstate.snapshot' ? [[idOf(event), event.snapshot as AnyMachineSnapshot] as const] : []
    );
    const coordinator = snapshots.find(([id]) => id === 'coordinator')![1];
    expect(coordinator.context).toMatchObject({ successCount: 1 });
    expect(snapshots.findLast(([, { machine }]) => machine?.id === 'fleet')![1].value).toMatchObject({
      operation: 'paused'
    });
    await next.fleet.stop();
  });

  it('of an app sees the fleet that the app invokes, with its agents', async () => {
    const told: InspectionEvent[] = [];
    const fleet = createFleetLogic({ handlers, clock: new SimulatedClock() });
    const machine = setup({ actors: { fleet } }).createMachine({
      id: 'app',
      invoke: { id: 'fleet', src: 'fleet' }
    });
    const app = createActor(machine, { inspect: (event) => void told.push(event) }).start();
    await settled();
    app.getSnapshot().children.fleet!.send(submitBatchEvent('b', [noop]) as never);
    await settled();

    const seen = actorsIn(told);
    expect([...seen.keys()]).toEqual(expect.arrayContaining(['app', 'fleet', 'coordinator', 'worker-1']));
    expect(new Set(told.map(({ rootId }) => rootId))).toEqual(new Set([app.sessionId]));
    app.stop();
    expect(actorsIn(told).get('fleet')).toBe('stopped');
  });

  it('of a coordinator alone is an observer as well, and what it throws is reported', async () => {
    const reported: unknown[] = [];
    const bad = new Error('bad inspector');
    const coordinator = new CoordinatorAgent({
      inspect: {
        next: () => {
          throw bad;
        }
      },
      onListenerError: (error) => reported.push(error)
    });
    await coordinator.start();
    await coordinator.stop();
    expect(new Set(reported)).toEqual(new Set([bad]));
  });
});

it.each<[who: string, isKept: boolean, options: Pick<FleetManagerOptions, 'inspect' | 'inspectRows'>]>([
  ['nobody looks', false, {}],
  ['nobody looks at rows', false, { inspect: () => {}, inspectRows: false }],
  ['an inspector looks', true, { inspect: () => {} }]
])('where %s, the steps of rows are kept: %s', async (_, isKept, options) => {
  const commits = vi.spyOn(Turn.prototype, 'commit');
  const { fleet } = await startFleet({ handlers, ...options });
  await fleet.waitForBatch(await fleet.submitBatch([noop]));
  await fleet.stop();
  const steps = (commits.mock.contexts as Turn[]).flatMap((turn) => turn.steps);
  expect(steps.length > 0).toBe(isKept);
});

/** Actors by id, with the status that each was seen in last. */
function actorsIn(events: readonly InspectionEvent[]): Map<string, string> {
  const seen = new Map<string, string>();
  for (const event of events) {
    if (event.type === '@xstate.actor') seen.set(idOf(event), 'new');
    if (event.type === '@xstate.snapshot') seen.set(idOf(event), event.snapshot.status);
  }
  return seen;
}

/** What a person calls an actor: one that has no id of its own by its machine's. */
function idOf(event: InspectionEvent): string {
  const { id, sessionId, logic } = (shadowOf(event) ?? event.actorRef) as AnyActorRef & {
    logic?: { id?: string };
  };
  return id === sessionId ? (logic?.id ?? id) : id;
}
