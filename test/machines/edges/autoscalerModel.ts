import { autoscalerMachine, type Load } from '../../../machines/autoscalerMachine.ts';
import type { Autoscale } from '../../../machines/fleetConfig.ts';
import { modelOf } from './model.ts';

const policy: Autoscale = {
  minWorkers: 2,
  maxWorkers: 10,
  scaleUpThreshold: 10,
  scaleDownThreshold: 2,
  intervalMs: 1_000,
  cooldownMs: 30_000
};
const load: Load = { ready: 5, isStranded: false, workers: 4, concurrency: 1, peak: null };

export const autoscalerModel = modelOf(autoscalerMachine, {
  inputs: [
    { policy, restored: null },
    { policy, restored: { manual: true, direction: null } },
    { policy, restored: { manual: false, direction: 'down' } }
  ],
  events: {
    'load.measured': [load, { ...load, ready: 25 }, { ...load, ready: 0, peak: 1 }],
    'autoscale.configure': [{ policy: null }, { policy }],
    'workers.scale': [{}],
    'scaling.applied': [{}],
    'cooldown.ended': [{}]
  },
  restingStates: ['auto.steady'],
  requiredEvents: {
    'autoscale.configure': ['*'],
    'workers.scale': ['auto'],
    'scaling.applied': ['auto.scalingUp', 'auto.scalingDown']
  }
});
