import { assign, enqueueActions, setup } from 'xstate';
import type { Autoscale } from './fleetConfig.ts';

/** Persisted with the snapshot, so plain JSON only. How long it has to wait still is no part of it: that is measured anew. */
export interface AutoscalerContext {
  /** Its limits and thresholds; `null`: autoscaling is off. */
  readonly policy: Autoscale | null;
  /** Whether somebody has set the number of workers since `policy` was set: also after a restart, it stays. */
  readonly manual: boolean;
  /** Where the last scaling went; `null` before the first one. */
  readonly direction: 'up' | 'down' | null;
  /** The last scaling that it asked for; `null` before the first one of this run. */
  readonly request: ScalingRequest | null;
}

export interface AutoscalerInput {
  readonly policy: Autoscale;
  /** What its last snapshot had, from which it goes on; `null`: it begins anew. */
  readonly restored: RestoredAutoscaler | null;
}

/** What a restart needs of a snapshot: the policy is part of the fleet's config. */
export type RestoredAutoscaler = Pick<AutoscalerContext, 'manual' | 'direction'>;

/** What it asks of the fleet that spawned it. */
export interface ScalingRequest {
  readonly from: number;
  readonly to: number;
}

/** How much there is to do, between two turns. */
export interface Load {
  /** Tasks that could run at once if there were room. */
  readonly ready: number;
  /** Whether some of them have tags that no worker offers now, and more workers would. */
  readonly isStranded: boolean;
  /** Workers that are wanted now, and tasks at once per worker. */
  readonly workers: number;
  readonly concurrency: number;
  /** Most workers that held something at once during the last `cooldownMs`; `null`: not watched for so long. */
  readonly peak: number | null;
}

export type AutoscalerEvent =
  // Commands, asked of the autoscaler
  | { readonly type: 'autoscale.configure'; readonly policy: Autoscale | null }
  | { readonly type: 'workers.scale' }
  // Facts, told to the autoscaler
  | ({ readonly type: 'load.measured' } & Load)
  | { readonly type: 'scaling.applied' }
  | { readonly type: 'cooldown.ended' };

/** What it tells the fleet that spawned it. */
export type AutoscalerReport = { readonly type: 'scaling.decided' } & ScalingRequest;

/** How many workers a queue that is too long calls for: each new one gets at most a threshold's worth of it. */
export function workersForQueue(policy: Autoscale, { ready, workers, concurrency }: Load): number {
  const share = Math.max(1, policy.scaleUpThreshold) * concurrency;
  return Math.min(policy.maxWorkers, workers + Math.max(1, Math.ceil(ready / share)));
}

/** How many workers were of use: never fewer than were busy at once. */
export function workersInUse(policy: Autoscale, peak: number): number {
  return Math.max(policy.minWorkers, peak);
}

/**
 * Decides how many workers the fleet should have.
 *
 * It grows by need, a queue at a time, and shrinks to what was busy at once during a whole cooldown, so a load that
 * stays the same leaves the number of workers as it is. It never grows and shrinks within one cooldown, and it does
 * not undo what somebody set by hand: that makes it wait in `manual` until it is configured again. It has no clock
 * and never looks: it is told the load, and when a cooldown has ended.
 */
export const autoscalerMachine = /* @__PURE__ */ setup({
  types: {} as { context: AutoscalerContext; events: AutoscalerEvent; input: AutoscalerInput },
  guards: {
    isManual: ({ context }) => context.manual,
    hasScaled: ({ context }) => context.direction !== null,
    isOff: (_, params: { policy: Autoscale | null }) => params.policy === null,
    isOverloaded: ({ context }, params: Load) => isOverloaded(context.policy!, params),
    /** Growing again is no change of mind. */
    canGrowOn: ({ context }, params: Load) =>
      context.direction === 'up' && isOverloaded(context.policy!, params),
    isUnderused: ({ context }, params: Load) => isUnderused(context.policy!, params)
  },
  actions: {
    recordPolicy: assign({
      policy: (_, params: { policy: Autoscale | null }) => params.policy,
      manual: false
    }),
    recordManual: assign({ manual: true }),
    recordGrowth: assign({
      direction: 'up',
      request: ({ context }, params: Load) => ({
        from: params.workers,
        to: workersForQueue(context.policy!, params)
      })
    }),
    recordShrinking: assign({
      direction: 'down',
      request: ({ context }, params: Load) => ({
        from: params.workers,
        to: workersInUse(context.policy!, params.peak!)
      })
    }),
    requestScaling: enqueueActions(({ context, self, enqueue }) => {
      // `_parent` is undefined for an autoscaler that was started alone: there is no fleet to ask.
      if (self._parent) {
        enqueue.sendTo(self._parent, {
          type: 'scaling.decided',
          ...context.request!
        } satisfies AutoscalerReport);
      }
    })
  }
}).createMachine({
  id: 'autoscaler',
  description: 'Decides how many workers the fleet should have.',
  context: ({ input }) => ({
    policy: input.policy,
    manual: input.restored?.manual ?? false,
    direction: input.restored?.direction ?? null,
    request: null
  }),
  initial: 'beginning',
  on: {
    'autoscale.configure': [
      {
        guard: { type: 'isOff', params: ({ event }) => event },
        target: '.manual',
        actions: { type: 'recordPolicy', params: ({ event }) => event }
      },
      { actions: { type: 'recordPolicy', params: ({ event }) => event } }
    ]
  },
  states: {
    beginning: {
      description: 'Goes on where an earlier run was.',
      always: [
        { guard: 'isManual', target: 'manual' },
        {
          description: 'How much of the cooldown has passed is not known: it begins anew.',
          guard: 'hasScaled',
          target: 'auto.coolingDown'
        },
        { target: 'auto' }
      ]
    },
    manual: {
      description: 'The number of workers is what somebody set.',
      on: {
        'autoscale.configure': [
          {
            guard: { type: 'isOff', params: ({ event }) => event },
            actions: { type: 'recordPolicy', params: ({ event }) => event }
          },
          { target: 'beginning', actions: { type: 'recordPolicy', params: ({ event }) => event } }
        ]
      }
    },
    auto: {
      description: 'The number of workers follows the load.',
      initial: 'steady',
      on: { 'workers.scale': { target: 'manual', actions: 'recordManual' } },
      states: {
        steady: {
          description: 'May scale either way.',
          on: {
            'load.measured': [
              {
                guard: { type: 'isOverloaded', params: ({ event }) => event },
                target: 'scalingUp',
                actions: { type: 'recordGrowth', params: ({ event }) => event }
              },
              {
                guard: { type: 'isUnderused', params: ({ event }) => event },
                target: 'scalingDown',
                actions: { type: 'recordShrinking', params: ({ event }) => event }
              }
            ]
          }
        },
        scalingUp: {
          description: 'More workers are asked for, and not durable yet.',
          entry: 'requestScaling',
          on: { 'scaling.applied': 'coolingDown' }
        },
        scalingDown: {
          description: 'Idle workers are to go, which is not durable yet.',
          entry: 'requestScaling',
          on: { 'scaling.applied': 'coolingDown' }
        },
        coolingDown: {
          description: 'It has scaled: it may go on growing, and not turn round.',
          on: {
            'cooldown.ended': 'steady',
            'load.measured': {
              guard: { type: 'canGrowOn', params: ({ event }) => event },
              target: 'scalingUp',
              actions: { type: 'recordGrowth', params: ({ event }) => event }
            }
          }
        }
      }
    }
  }
});

function isOverloaded(
  { scaleUpThreshold, maxWorkers }: Autoscale,
  { ready, isStranded, workers }: Load
): boolean {
  return (ready > scaleUpThreshold || isStranded) && workers < maxWorkers;
}

function isUnderused(policy: Autoscale, { ready, isStranded, workers, peak }: Load): boolean {
  if (isStranded || peak === null) return false;
  return ready < policy.scaleDownThreshold && workersInUse(policy, peak) < workers;
}
