import { hostMachine } from '../../../machines/hostMachine.ts';
import { modelOf } from './model.ts';

const left = { fleet: 'mail', state: 'left', problem: null } as const;

export const hostModel = modelOf(hostMachine, {
  input: { fleets: ['mail'] },
  actors: { takeSeat: { outputs: [1] }, look: { outputs: [{ hosts: [1], free: ['mail'] }] } },
  events: {
    'host.leave': [{}],
    'seat.lost': [{ message: 'another host has it' }],
    'fleet.changed': [left, { ...left, state: 'running' }]
  },
  // What it counts in looks decides which fleets it asks for, and no state of its own.
  serializeState: ({ context: { seat, states } }) => [seat, states.mail],
  requiredEvents: {
    'host.leave': ['joining', 'hosting'],
    'fleet.changed': ['*']
  }
});
