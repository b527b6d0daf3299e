import { assign, createMachine, fromPromise, setup } from 'xstate';
import { describe, expect, it } from 'vitest';
import { ValidationError } from 'xstate-fleet';
import { SearchLimitError, checkInvariants, type Finding } from 'xstate-fleet/testing';

describe('checkInvariants', () => {
  it('finds a state that no way leads out of, with the shortest way into it', () => {
    expect(
      shown(checkInvariants(door(), { events: { ...steps, lock: [{}] }, restingStates: ['open'] }))
    ).toEqual([['stuck', 'locked', ['close', 'lock']]]);
  });

  it('finds nothing where all ends or rests', () => {
    const options = { events: { ...steps, lock: [{}] } };

    expect(checkInvariants(door(), { ...options, restingStates: ['open', 'locked'] })).toEqual([]);
  });

  it('finds what is never reached and never taken, and says why', () => {
    const findings = checkInvariants(door(), { events: steps, restingStates: ['open'] });

    expect(findings.map(({ message }) => message)).toEqual([
      'Nothing leads to locked',
      'closed: lock -> locked is never taken: nothing that it is for came in `closed`: give payloads of lock'
    ]);
  });

  it('finds where a required event does nothing, and takes one that is ignored on purpose', () => {
    const options = { events: { ...steps, lock: [{}] }, restingStates: ['open', 'locked'] };
    const requiredEvents = { close: ['*'], lock: ['closed'] };

    expect(shown(checkInvariants(door(), { ...options, requiredEvents }))).toEqual([
      ['lostEvent', 'locked', ['close', 'lock']]
    ]);
  });

  it('finds an error of a child that nothing takes in some situation', () => {
    const machine = setup({
      actors: { work: fromPromise(() => Promise.resolve()) },
      guards: { isPatient: ({ context }: { context: { tries: number } }) => context.tries < 1 }
    }).createMachine({
      id: 'worker',
      context: { tries: 0 },
      initial: 'working',
      states: {
        working: {
          invoke: {
            id: 'work',
            src: 'work',
            onDone: 'done',
            onError: {
              guard: 'isPatient',
              target: 'working',
              reenter: true,
              actions: assign({ tries: ({ context }: { context: { tries: number } }) => context.tries + 1 })
            }
          }
        },
        done: { type: 'final' }
      }
    });

    expect(shown(checkInvariants(machine, { events: {} }))).toEqual([
      ['unhandledError', 'working', ['xstate.error.actor.work', 'xstate.error.actor.work']]
    ]);
  });

  it('finds an error that a child was said to end with, where nothing takes any', () => {
    const machine = setup({ actors: { work: fromPromise(() => Promise.resolve()) } }).createMachine({
      id: 'careless',
      initial: 'working',
      states: { working: { invoke: { id: 'work', src: 'work', onDone: 'done' } }, done: { type: 'final' } }
    });

    expect(checkInvariants(machine, { events: {} })).toEqual([]);
    expect(
      shown(checkInvariants(machine, { events: {}, actors: { work: { errors: [new Error('broken')] } } }))
    ).toEqual([['unhandledError', 'working', ['xstate.error.actor.work']]]);
  });

  it('lets a run stay anywhere, where that is said', () => {
    const machine = createMachine({ id: 'lamp', on: { ring: {} } });

    expect(checkInvariants(machine, { events: { ring: [{}] } })).toMatchObject([
      { kind: 'stuck', subject: '(root)', message: expect.stringContaining('out of (root)') as string }
    ]);
    expect(checkInvariants(machine, { events: { ring: [{}] }, restingStates: ['*'] })).toEqual([]);
  });

  it.each([{ restingStates: ['opne'] }, { requiredEvents: { close: ['opne'] } }])(
    'refuses a state that is not there: %o',
    (options) => {
      expect(() => checkInvariants(door(), { events: steps, ...options })).toThrow(ValidationError);
    }
  );

  it('refuses to say anything of a machine that it cannot look at in whole', () => {
    const machine = setup({
      types: {} as { context: { count: number }; events: { type: 'up' } }
    }).createMachine({
      id: 'counter',
      context: { count: 0 },
      on: { up: { actions: assign({ count: ({ context }) => context.count + 1 }) } }
    });

    expect(() => checkInvariants(machine, { events: { up: [{}] }, limit: 20 })).toThrow(SearchLimitError);
    expect(checkInvariants(machine, { events: { up: [{}] }, serializeState: () => null })).toMatchObject([
      { kind: 'stuck' }
    ]);
  });
});

const steps = { open: [{}], close: [{}] };

function shown(findings: readonly Finding[]) {
  return findings.map(({ kind, subject, path }) => [kind, subject, path?.map(({ type }) => type)]);
}

function door() {
  return setup({
    types: {} as { events: { type: 'open' } | { type: 'close' } | { type: 'lock' } }
  }).createMachine({
    id: 'door',
    initial: 'open',
    states: {
      open: { on: { close: 'closed' } },
      closed: { on: { open: 'open', lock: 'locked', close: {} } },
      locked: {}
    }
  });
}
