import { hostedFleetMachine } from '../../../machines/hostedFleetMachine.ts';
import { modelOf } from './model.ts';

export const hostedFleetModel = modelOf(hostedFleetMachine, {
  input: { fleet: 'mail' },
  actors: {
    startFleet: {
      errors: [Object.assign(new Error('taken'), { code: 'ERR_LOCKED' }), new Error('no such file')]
    }
  },
  events: {
    'fleet.claim': [{}],
    'fleet.handOver': [{}],
    'fleet.leave': [{}],
    'ownership.lost': [{ message: 'another process has it' }]
  },
  // How often it has failed decides nothing.
  serializeState: ({ context: { problem } }) => problem,
  restingStates: ['standby', 'running'],
  requiredEvents: {
    'fleet.leave': ['standby', 'starting', 'running', 'handingOver', 'ending', 'failed'],
    'ownership.lost': ['running']
  }
});
