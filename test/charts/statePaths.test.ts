import { describe, expect, it } from 'vitest';
import { createActor, createMachine } from 'xstate';
import { activePathsOf, leafPathsOf, pathOf } from '../../src/charts/statePaths.ts';

const door = createMachine({
  id: 'door',
  type: 'parallel',
  states: {
    leaf: { initial: 'closed', states: { closed: { on: { open: 'opened' } }, opened: {} } },
    lamp: { initial: 'dark', states: { dark: { initial: 'cold', states: { cold: {} } }, lit: {} } },
    bell: {}
  }
});

describe('paths of states', () => {
  it('are keys with dots, and empty for the root', () => {
    expect([door.root, door.root.states['lamp']!.states['dark']!].map(pathOf)).toEqual(['', 'lamp.dark']);
  });

  it('that are active are the innermost ones, one for each region', () => {
    const actor = createActor(door).start();
    actor.send({ type: 'open' });
    expect(activePathsOf(door.root, actor.getSnapshot().value)).toEqual([
      'leaf.opened',
      'lamp.dark.cold',
      'bell'
    ]);
  });

  it('that are active come in the order of the chart, whatever that of the value', () => {
    const value = { bell: {}, lamp: { dark: 'cold' }, leaf: 'closed' };
    expect(activePathsOf(door.root, value)).toEqual(['leaf.closed', 'lamp.dark.cold', 'bell']);
  });

  it('that have none inside are the leaves', () => {
    expect(leafPathsOf(door.root)).toEqual([
      'leaf.closed',
      'leaf.opened',
      'lamp.dark.cold',
      'lamp.lit',
      'bell'
    ]);
  });
});
