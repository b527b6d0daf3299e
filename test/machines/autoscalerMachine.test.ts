import { createActor, setup, transition, type SnapshotFrom } from 'xstate';
import { describe, expect, it } from 'vitest';
import {
  autoscalerMachine,
  workersForQueue,
  workersInUse,
  type AutoscalerContext,
  type AutoscalerEvent,
  type Load
} from '../../machines/autoscalerMachine.ts';
import type { Autoscale } from '../../machines/fleetConfig.ts';

const policy: Autoscale = {
  minWorkers: 2,
  maxWorkers: 10,
  scaleUpThreshold: 10,
  scaleDownThreshold: 2,
  intervalMs: 1_000,
  cooldownMs: 30_000
};
const other: Autoscale = { ...policy, maxWorkers: 20 };
const load: Load = { ready: 5, isStranded: false, workers: 4, concurrency: 1, peak: null };
const measured = (change: Partial<Load>) => ({ type: 'load.measured', ...load, ...change }) as const;

const events = {
  overload: measured({ ready: 25 }),
  idle: measured({ ready: 0, peak: 1 }),
  'short queue': measured({}),
  'scaling.applied': { type: 'scaling.applied' },
  'cooldown.ended': { type: 'cooldown.ended' },
  'workers.scale': { type: 'workers.scale' },
  configure: { type: 'autoscale.configure', policy: other },
  'switch off': { type: 'autoscale.configure', policy: null }
} as const satisfies Record<string, AutoscalerEvent>;
type Event = keyof typeof events;

const inAuto = { 'workers.scale': 'manual', 'switch off': 'manual' } as const;
/** Where each state goes. An event that is not named keeps the state. */
const chart: Record<string, Partial<Record<Event, string>>> = {
  manual: { configure: 'steady' },
  steady: { ...inAuto, overload: 'scalingUp', idle: 'scalingDown' },
  scalingUp: { ...inAuto, 'scaling.applied': 'coolingDown' },
  scalingDown: { ...inAuto, 'scaling.applied': 'coolingDown' },
  'coolingDown, grown': { ...inAuto, overload: 'scalingUp', 'cooldown.ended': 'steady' },
  'coolingDown, shrunk': { ...inAuto, 'cooldown.ended': 'steady' }
};
const cells = Object.entries(chart).flatMap(([from, row]) =>
  (Object.keys(events) as Event[]).map((event) => [from, event, row[event] ?? from.split(',')[0]!] as const)
);

describe('autoscalerMachine', () => {
  it.each(cells)('%s on %s: %s', (from, event, to) => {
    const after = step(machineIn(from), events[event]);
    expect(stateOf(after)).toBe(to);
  });

  it.each([
    ['steady', null],
    ['manual', { manual: true, direction: 'up' }],
    ['coolingDown', { manual: false, direction: 'down' }],
    ['steady', { manual: false, direction: null }]
  ] as const)('begins as %s from %j', (state, restored) => {
    expect(stateOf(begun(restored))).toBe(state);
  });

  it('remembers what somebody set by hand, until it is configured', () => {
    const manual = step(machineIn('steady'), events['workers.scale']);
    expect(manual.context.manual).toBe(true);
    const resumed = step(manual, events.configure);
    expect(resumed.context).toMatchObject({ manual: false, policy: other });
  });

  it('cools down, after it was configured anew, if it has scaled', () => {
    const manual = step(machineIn('coolingDown, shrunk'), events['workers.scale']);
    expect(stateOf(step(manual, events.configure))).toBe('coolingDown');
  });

  it('takes other limits without leaving its state', () => {
    const after = step(machineIn('scalingUp'), events.configure);
    expect(stateOf(after)).toBe('scalingUp');
    expect(after.context.policy).toBe(other);
  });

  it.each<[what: string, change: Partial<Load>, to: number | null]>([
    ['at its threshold', { ready: 10 }, null],
    ['just above it', { ready: 11 }, 6],
    ['of three thresholds', { ready: 30 }, 7],
    ['that is endless', { ready: 1e6 }, 10],
    ['that concurrent workers soon run', { ready: 30, concurrency: 10 }, 5],
    ['that is short, with a task that more workers would serve', { ready: 1, isStranded: true }, 5],
    ['with all workers there are', { ready: 1e6, isStranded: true, workers: 10 }, null]
  ])('answers a queue %s', (_, change, to) => {
    const after = step(machineIn('steady'), measured(change));
    expect(after.context.request?.to ?? null).toBe(to);
  });

  it.each<[what: string, change: Partial<Load>, to: number | null]>([
    ['of which all but one were idle', { ready: 0, peak: 1 }, 2],
    ['of which one was idle', { ready: 1, peak: 3 }, 3],
    ['that were all busy', { ready: 0, peak: 4 }, null],
    ['of which more were busy, when more there were', { ready: 0, peak: 9 }, null],
    ['for which a queue waits', { ready: 2, peak: 1 }, null],
    ['that more have to join', { ready: 1, isStranded: true, peak: 1, workers: 10 }, null],
    ['that were not watched', { ready: 0, peak: null }, null],
    ['as few as there may be', { ready: 0, peak: 0, workers: 2 }, null]
  ])('answers workers %s', (_, change, to) => {
    const after = step(machineIn('steady'), measured(change));
    expect(after.context.request?.to ?? null).toBe(to);
  });

  it('adds one worker at least, also where any queue is too long', () => {
    expect(workersForQueue({ ...policy, scaleUpThreshold: 0 }, { ...load, ready: 1, concurrency: 50 })).toBe(
      5
    );
    expect(workersInUse(policy, 0)).toBe(2);
  });

  it('asks the fleet that spawned it, and needs none', () => {
    const asked: unknown[] = [];
    const fleet = createActor(
      setup({ actors: { autoscalerMachine } }).createMachine({
        invoke: { id: 'autoscaler', src: 'autoscalerMachine', input: { policy, restored: null } },
        on: { '*': { actions: ({ event }) => asked.push(event) } }
      })
    ).start();
    fleet.getSnapshot().children.autoscaler!.send(events.overload);
    expect(asked).toEqual([{ type: 'scaling.decided', from: 4, to: 7 }]);

    const alone = createActor(autoscalerMachine, { input: { policy, restored: null } }).start();
    alone.send(events.overload);
    expect(alone.getSnapshot().matches({ auto: 'scalingUp' })).toBe(true);
  });
});

type Snapshot = SnapshotFrom<typeof autoscalerMachine>;

function begun(restored: Pick<AutoscalerContext, 'manual' | 'direction'> | null): Snapshot {
  return createActor(autoscalerMachine, { input: { policy, restored } }).start().getSnapshot();
}

function step(snapshot: Snapshot, event: AutoscalerEvent): Snapshot {
  return transition(autoscalerMachine, snapshot, event)[0];
}

/** @param state - Named as in the chart above. */
function machineIn(state: string): Snapshot {
  const steady = begun(null);
  switch (state) {
    case 'manual':
      return step(steady, events['switch off']);
    case 'scalingUp':
      return step(steady, events.overload);
    case 'scalingDown':
      return step(steady, events.idle);
    case 'coolingDown, grown':
      return step(step(steady, events.overload), events['scaling.applied']);
    case 'coolingDown, shrunk':
      return step(step(steady, events.idle), events['scaling.applied']);
    default:
      return steady;
  }
}

function stateOf({ value }: Snapshot): string {
  return typeof value === 'string' ? value : value.auto!;
}
