import Elk from 'elkjs/lib/elk.bundled.js';
import fc from 'fast-check';
import { createMachine, type AnyStateMachine } from 'xstate';
import { describe, expect, it } from 'vitest';
import { edgesOf, type Edge } from 'xstate-fleet/testing';
import { describeMachine, toMermaid, toStatelyConfig } from 'xstate-fleet/visualize';
import { withDescendants } from '../../src/visualize/chart.ts';
import { layOut } from '../../src/visualize/layout.ts';
import { writeSvg } from '../../src/visualize/svgDocument.ts';
import { machines } from '../../visualizations/charts.ts';
import { foreignCharts } from '../foreign/charts.ts';
import { anyMachine } from './anyMachine.ts';
import { readSvg } from './drawnChart.ts';

const charts = [...machines, ...Array.from(foreignCharts, ([name, { machine }]) => [name, machine] as const)];

describe.each(charts)('%s: what is tested is what is drawn', (_, machine) => {
  it('in the picture', async () => {
    expect(await inPicture(machine)).toEqual(drawable(machine));
  });

  it('in the Mermaid diagram', () => {
    expect(inMermaid(machine)).toEqual(arrows(machine));
  });

  it('in the config for Stately', () => {
    expect(inStately(machine)).toEqual(edgesOf(machine).map(withoutGuardName));
  });
});

it('draws whatever machine there may be as it is tested', async () => {
  await fc.assert(
    fc.asyncProperty(anyMachine(), async (machine) => {
      expect(await inPicture(machine)).toEqual(drawable(machine));
      expect(inMermaid(machine)).toEqual(arrows(machine));
      expect(inStately(machine)).toEqual(edgesOf(machine).map(withoutGuardName));
    }),
    { numRuns: 50, seed: 2 }
  );
});

/** Each event from each state to each of its targets, as the groups of the picture name them. */
async function inPicture(machine: AnyStateMachine): Promise<ReadonlySet<string>> {
  const chart = describeMachine(machine);
  const picture = await layOut(chart, style, new Elk.default());
  const { transitions } = readSvg(writeSvg(chart, picture));
  return new Set(
    transitions.flatMap(({ source, target, events }) => events.map((event) => `${source} ${event} ${target}`))
  );
}

function drawable(machine: AnyStateMachine): ReadonlySet<string> {
  return new Set(
    edgesOf(machine).flatMap(({ source, event, targets }) => {
      // A way to itself, or to a state around it, is written into the state.
      const ways = targets.filter((target) => target !== '' && !`${source}.`.startsWith(`${target}.`));
      const name = (event || 'always').replaceAll(' ', '\u00a0');
      return (ways.length === 0 ? [source] : ways).map((target) => `${source} ${name} ${target}`);
    })
  );
}

/** The ways from states to states. */
function inMermaid(machine: AnyStateMachine): ReadonlySet<string> {
  const found = toMermaid(machine).matchAll(/^ *(\w+) --> (\w+) : /gm);
  return new Set(Array.from(found, ([, from, to]) => `${from!.replace(/__any$/, '')} ${to}`));
}

function arrows(machine: AnyStateMachine): ReadonlySet<string> {
  const ids = mermaidIds(machine);
  return new Set(
    withDescendants(describeMachine(machine).root)
      .flatMap(({ transitions }) => transitions)
      .filter(({ isInternal }) => !isInternal)
      .flatMap(({ source, targets }) => targets.map((target) => `${ids.get(source)} ${ids.get(target)}`))
  );
}

/** Ids of the boxes, by the paths of their states: they come in the order of the chart. */
function mermaidIds(machine: AnyStateMachine): ReadonlyMap<string, string> {
  const boxes = Array.from(toMermaid(machine).matchAll(/^ *state "[^"]*" as (\w+)/gm), ([, id]) => id!);
  const ids = boxes.filter((id) => !id.endsWith('__any'));
  const { root } = describeMachine(machine);
  const paths = withDescendants(root).map(({ path }) => path);
  // A compound machine is the sheet itself.
  if (root.type === 'compound') ids.unshift('machine');
  expect(new Set(ids).size).toBe(paths.length);
  return new Map(paths.map((path, index) => [path, ids[index]!]));
}

function inStately(machine: AnyStateMachine): readonly unknown[] {
  const config: unknown = JSON.parse(JSON.stringify(toStatelyConfig(machine).config));
  return edgesOf(createMachine(config as never)).map(withoutGuardName);
}

/** Guards that have no name get one in the config. */
function withoutGuardName({ guard, title: _, ...edge }: Edge): unknown {
  return { ...edge, isGuarded: guard !== null };
}

const style = {
  direction: 'DOWN',
  labelWidth: 100,
  boxWidth: 160,
  backwards: 'passed',
  isInOrder: true
} as const;
