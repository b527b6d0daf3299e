import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { createMachine, type AnyStateMachine } from 'xstate';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeMachine, toSvg, type ChartState } from 'xstate-fleet/visualize';
import { machines } from '../../visualizations/charts.ts';
import { anyMachine } from './anyMachine.ts';
import { collisionsIn, readSvg, type DrawnChart } from './drawnChart.ts';

/** One machine with everything that a chart can have. */
const zoo = createMachine({
  id: 'zoo',
  description: 'Everything that a chart can have.',
  initial: 'closed',
  on: { restart: '#zoo', inspect: { actions: 'look' }, evacuate: '.empty' },
  states: {
    closed: {
      on: { open: { target: 'open', guard: 'isDay' }, peek: { target: 'closed', reenter: true }, ring: {} },
      after: { 1000: 'open', night: { actions: 'sleep' } }
    },
    open: {
      type: 'parallel',
      description: 'Visitors and animals.',
      onDone: 'empty',
      on: { pause: 'closed', feed: '.animals.fed' },
      states: {
        gate: {
          initial: { target: 'shut', actions: 'lock' },
          states: {
            shut: { on: { push: 'wide' } },
            wide: { on: { pull: 'shut', leave: '#zoo.empty' } },
            past: { type: 'history', history: 'deep', target: 'wide' }
          }
        },
        animals: {
          initial: 'hungry',
          states: {
            hungry: { invoke: { src: 'cook', onDone: 'fed', onError: { actions: 'complain' } } },
            fed: { type: 'final' }
          }
        }
      }
    },
    empty: { type: 'final', entry: 'turnOff', description: 'Nobody is <left> & "all" is off.' }
  }
} as never) as AnyStateMachine;

const all = new Map<string, AnyStateMachine>([...machines, ['zoo', zoo]]);
const committed = new URL('../../visualizations/', import.meta.url);

/** `stale.test.ts` draws the machines again, and finds their committed drawings the same. */
const drawingOf = (name: string): string | Promise<string> =>
  name === 'zoo' ? toSvg(zoo) : readFileSync(new URL(`${name}.svg`, committed), 'utf8');

describe.each([...all])('the picture of %s', (name, machine) => {
  const { root } = describeMachine(machine);
  const states = within(root);
  let drawn: DrawnChart;
  beforeAll(async () => {
    drawn = readSvg(await drawingOf(name));
  });

  it('has every state, each once, by its path and type', () => {
    expect(drawn.states.map(({ path, kinds }) => `${path} ${kinds[1]}`).sort()).toEqual(
      states.map(({ path, type }) => `${path} ${type}`).sort()
    );
  });

  it('has every transition, in words, on an arrow or in its state', () => {
    for (const { source, targets, event, guard, actions, isInternal } of states.flatMap(
      (state) => state.transitions
    )) {
      const arrows = isInternal
        ? []
        : targets.filter((target) => !`${source}.`.startsWith(`${target}.`) && target !== '');
      for (const target of arrows.length === 0 ? [source] : arrows) {
        const found = drawn.transitions.filter(
          (each) =>
            each.source === source && each.target === target && each.events.includes(event || 'always')
        );
        expect(found.length).toBeGreaterThan(0);
        expect(found.some(({ text }) => [guard ?? '', ...actions].every((name) => text.includes(name)))).toBe(
          true
        );
      }
    }
  });

  it('has no arrow that the machine has not', () => {
    const declared = new Set(
      states.flatMap(({ transitions }) =>
        transitions.flatMap(({ source, targets, event }) =>
          [source, ...targets].map((target) => `${source} ${event || 'always'} ${target}`)
        )
      )
    );
    const events = drawn.transitions.flatMap(({ source, target, events }) =>
      events.map((event) => `${source} ${event} ${target}`)
    );
    expect(events.filter((each) => !declared.has(each))).toEqual([]);
  });

  it('has nothing that lies on anything else', () => {
    expect(collisionsIn(drawn)).toEqual([]);
  });
});

describe('toSvg', () => {
  it('makes a frame as wide as its text', async () => {
    const machine = createMachine({
      initial: 'outer',
      states: {
        outer: {
          initial: 'inner',
          on: { again: { actions: 'recordThatThisHasAVeryLongName' } },
          states: { inner: {} }
        },
        other: {}
      }
    });
    expect(collisionsIn(readSvg(await toSvg(machine)))).toEqual([]);
  });

  it('draws where a history leads at first, be it to a state in each region', async () => {
    const region = { initial: 'off', states: { off: {}, on: {}, 'v1.0': {} } };
    const past = { type: 'history', target: ['light.on', String.raw`screen.v1\.0`] };
    const machine = createMachine({
      type: 'parallel',
      states: { light: region, screen: region, past }
    } as never) as AnyStateMachine;

    const { states } = describeMachine(machine).root;

    expect(states[2]!.history).toEqual({ depth: 'shallow', targets: ['light.on', 'screen.v1.0'] });
    expect(readSvg(await toSvg(machine)).states).toHaveLength(10);
  });

  it('says which ways into a state leave it first', async () => {
    const machine = createMachine({
      initial: 'box',
      states: {
        box: {
          initial: 'x',
          states: { x: {}, y: {} },
          on: {
            inside: '.y',
            outside: { target: '.y', reenter: true },
            self: 'box',
            anew: { target: 'box', reenter: true }
          }
        }
      }
    });

    const { transitions } = readSvg(await toSvg(machine));

    expect(transitions.map(({ text }) => text).sort()).toEqual([
      'anew (re-enters box)',
      'inside outside (re-enters box)',
      'self (begins anew inside)'
    ]);
  });

  it('says what is tried only when nothing before it applied, and how much a history remembers', async () => {
    const svg = await toSvg(
      createMachine({
        initial: 'closed',
        states: {
          closed: { on: { go: [{ guard: 'isDay', target: 'open' }, { target: 'shut' }] } },
          open: {
            initial: 'gate',
            states: { gate: {}, last: { type: 'history' }, lastOfAll: { type: 'history', history: 'deep' } }
          },
          shut: {}
        }
      })
    );
    const { transitions } = readSvg(svg);
    expect(transitions.map(({ target, text }) => [target, text])).toEqual([
      ['open', 'go [isDay]'],
      ['shut', 'go [else]']
    ]);
    expect(svg).toMatch(/data-state="open\.last">[^]*?>H<\/text>/);
    expect(svg).toMatch(/data-state="open\.lastOfAll">[^]*?>H\*<\/text>/);
  });

  it('draws the same machine the same way again', async () => {
    expect(await toSvg(zoo)).toBe(await toSvg(zoo));
  });

  it('escapes what names and descriptions hold', async () => {
    const svg = await toSvg(createMachine({ id: '<a>&"', description: '</svg><script>\u0000' }));
    expect(svg).not.toContain('<script>');
    expect(svg).toContain('<title>&lt;a&gt;&amp;&quot;</title>');
    expect(svg).not.toContain('\u0000');
    readSvg(svg);
  });

  it('draws a machine without states', async () => {
    const { states } = readSvg(await toSvg(createMachine({ id: 'alone', on: { go: { actions: 'run' } } })));
    expect(states.map(({ path }) => path)).toEqual(['']);
  });

  it('draws whatever machine there may be, and nothing lies on a state that is no frame around it', async () => {
    await fc.assert(
      fc.asyncProperty(anyMachine(), async (machine) => {
        const drawing = readSvg(await toSvg(machine));
        expect(drawing.states.length).toBe(within(describeMachine(machine).root).length);
        expect(collisionsIn(drawing).filter((each) => !each.startsWith('an arrow and'))).toEqual([]);
      }),
      { numRuns: 25, seed: 1 }
    );
  });
});

function within(state: ChartState): ChartState[] {
  return [state, ...state.states.flatMap(within)];
}
