import { createActor, createMachine, type EventObject } from 'xstate';
import { describe, expect, it } from 'vitest';
import { checkInvariants, coverageOf, edgeTests, edgesOf } from 'xstate-fleet/testing';
import { Coverage } from '../../src/testing/coverage.ts';
import { foreignCharts } from '../foreign/charts.ts';

describe.each([...foreignCharts])('a chart with %s', (_, { machine, options, dead = {} }) => {
  const tests = edgeTests(machine, { ...options, allowUnreached: true });

  it('has a path to every edge, and a reason for each that nothing can take', () => {
    const taken = new Set(tests.filter(({ outcome }) => outcome === 'taken').map(({ edge }) => edge.id));
    const missed = coverageOf(machine)
      .data()
      .transitions.missed.filter(({ edge }) => !taken.has(edge.id));

    expect(Object.fromEntries(missed.map(({ edge, reason }) => [edge.title, reason]))).toEqual(dead);
  });

  it('has a path on which each guard says no', () => {
    const refused = new Set(tests.filter(({ outcome }) => outcome === 'refused').map(({ edge }) => edge.id));
    const missed = edgesOf(machine).filter(({ id, guard }) => guard !== null && !refused.has(id));

    expect(missed.map(({ title }) => title)).toEqual([]);
  });

  it('does the same step by step and as an actor, and leaves nothing uncovered that can be reached', () => {
    for (const test of tests) test.run();

    const { states, transitions } = coverageOf(machine).data();
    const unreachable = checkInvariants(machine, options).filter(({ kind }) => kind === 'unreachableState');
    expect(states.missed).toEqual(unreachable.map(({ subject }) => subject));
    expect([...new Set(transitions.missed.map(({ edge }) => edge.title))]).toEqual(Object.keys(dead));
  });

  it('is covered by a live actor that is told the events of a path', () => {
    for (const { edge, outcome, start, events } of tests) {
      if (outcome === 'refused' || events.some(isFromInside)) continue;
      const coverage = new Coverage(machine);
      const parent = createActor(createMachine({}), {
        inspect: coverage.inspect,
        clock: standing,
        logger: () => {}
      }).start();
      const actor = createActor(machine, { ...start, parent } as never).start();
      for (const event of events) actor.send(event);

      expect(coverage.data().transitions.missed.map(({ edge: { id } }) => id)).not.toContain(edge.id);
    }
  });
});

function isFromInside({ type }: EventObject): boolean {
  return type.startsWith('xstate.');
}

/** Nothing comes later: the actors are left where their paths end. */
const standing = { setTimeout: () => 0, clearTimeout: () => {} };
