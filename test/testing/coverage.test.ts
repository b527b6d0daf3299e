import { createActor, createMachine, setup } from 'xstate';
import { describe, expect, it } from 'vitest';
import { CoverageError, assertCovered, coverageOf, edgeTests } from 'xstate-fleet/testing';

describe('coverageOf', () => {
  it('adds up what tests and live actors do, also of a machine that provides other parts', () => {
    const machine = light();
    const coverage = coverageOf(machine);
    const [off] = edgeTests(machine, { events: { switch: [{}], smash: [{}] } });
    off!.run();
    expect(coverage.line()).toBe('light 2/3 states 1/4 transitions');

    const actor = createActor(machine.provide({ guards: { isPowered: () => false } }), {
      inspect: coverage.inspect
    });
    actor.start();
    actor.send({ type: 'smash' });

    expect(coverage.line()).toBe('light 3/3 states 2/4 transitions');
    expect(coverageOf(machine.provide({}))).toBe(coverage);
  });

  it('counts an actor wherever it is in the system, and no other machine', () => {
    const machine = light();
    const parent = createMachine({ id: 'parent', invoke: { src: machine }, initial: 'a', states: { a: {} } });

    createActor(parent, { inspect: coverageOf(machine).inspect }).start();

    expect(coverageOf(machine).data().states.covered).toBe(1);
    expect(coverageOf(parent).data().states.covered).toBe(0);
  });

  it('draws a table that names what is not covered, and why where it is known', () => {
    const machine = light();
    const tests = edgeTests(machine, { events: { switch: [{}] }, allowUnreached: true });
    for (const test of tests) test.run();

    expect(coverageOf(machine).table().split('\n')).toEqual([
      'light        covered  of  %',
      'states       2        3   66',
      'transitions  2        4   50',
      '',
      'not covered           why',
      'state broken',
      'off: smash -> broken  nothing that it is for came in `off`: give payloads of smash',
      'on: smash -> broken   nothing that it is for came in `on`: give payloads of smash'
    ]);
  });

  it('is 100 per cent where there is nothing to cover', () => {
    expect(coverageOf(createMachine({ id: 'empty' })).data()).toMatchObject({
      states: { total: 0, percent: 100 },
      transitions: { total: 0, percent: 100 }
    });
  });
});

describe('assertCovered', () => {
  it('throws the table when less is covered than is asked for', () => {
    const machine = light();
    for (const test of edgeTests(machine, { events: { switch: [{}] }, allowUnreached: true })) test.run();

    expect(() => assertCovered(machine)).toThrow(CoverageError);
    expect(() => assertCovered(machine, { states: 66 })).toThrow('on: smash -> broken');
    expect(() => assertCovered(machine, { transitions: 50 })).toThrow('state broken');
    assertCovered(machine, { states: 66, transitions: 50 });
  });
});

function light() {
  return setup({
    types: {} as { events: { type: 'switch' } | { type: 'smash' } },
    guards: { isPowered: () => true }
  }).createMachine({
    id: 'light',
    initial: 'off',
    states: {
      off: { on: { switch: { guard: 'isPowered', target: 'on' }, smash: 'broken' } },
      on: { on: { switch: 'off', smash: 'broken' } },
      broken: {}
    }
  });
}
