import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { metricDefinitions, prometheusName, type MetricDefinition } from '../../src/telemetry.ts';

const read = (path: string) => readFileSync(new URL(`../../docs/${path}`, import.meta.url), 'utf8');

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] };
}

const definitions: readonly MetricDefinition[] = Object.values(metricDefinitions);
const dashboard = JSON.parse(read('grafana/xstate-fleet.json')) as Dashboard;
const panels = dashboard.panels.filter(({ type }) => type !== 'row');
const variables = new Set(dashboard.templating.list.map(({ name }) => name));

/** Labels of each series that there is, by its name: a histogram has three. */
const series: ReadonlyMap<string, readonly string[]> = new Map(
  definitions.flatMap((definition): [string, string[]][] => {
    const name = prometheusName(definition);
    const labels = ['fleet', ...definition.labels];
    if (definition.kind !== 'histogram') return [[name, labels]];
    return [
      [`${name}_bucket`, [...labels, 'le']],
      [`${name}_sum`, labels],
      [`${name}_count`, labels]
    ];
  })
);

/** What is wrong with a query, in words. */
function problemsOf(expr: string): string[] {
  const problems: string[] = [];
  const used = [...expr.matchAll(/(xstate_fleet_\w+)(?:\{([^}]*)\})?/g)];
  if (used.length === 0) problems.push('it reads no metric');
  const known = new Set<string>();
  for (const [, name, selectors = ''] of used) {
    const labels = series.get(name!);
    if (labels === undefined) problems.push(`there is no ${name}`);
    for (const label of labels ?? []) known.add(label);
    for (const [, label] of selectors.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)) {
      if (labels?.includes(label!) === false) problems.push(`${name} has no label ${label}`);
    }
  }
  for (const [, list] of expr.matchAll(/by \(([^)]*)\)/g)) {
    for (const label of list!.split(',').map((text) => text.trim())) {
      if (!known.has(label)) problems.push(`it groups by ${label}, which none of its metrics has`);
    }
  }
  for (const [, name] of expr.matchAll(/\$(\w+)/g)) {
    if (!variables.has(name!) && name !== '__rate_interval') problems.push(`there is no variable $${name}`);
  }
  const isCounter = used.some(([, name]) => name!.endsWith('_total') || name!.endsWith('_bucket'));
  if (isCounter && !/\b(?:rate|increase)\(|label_values/.test(expr))
    problems.push('it shows a counter as it is');
  return problems;
}

describe('the dashboard for Grafana', () => {
  it.each(panels.map((panel) => [panel.title, panel] as const))(
    'asks in "%s" for what there is',
    (_, { targets = [], datasource }) => {
      expect(datasource?.uid).toBe('${datasource}');
      expect(targets.length).toBeGreaterThan(0);
      for (const { expr, legendFormat } of targets) {
        expect([expr, problemsOf(expr)]).toEqual([expr, []]);
        const grouped = /by \(([^)]*)\)/.exec(expr)?.[1]?.split(', ') ?? [];
        const shown = Array.from(legendFormat.matchAll(/\{\{(\w+)\}\}/g), ([, label]) => label!);
        expect(shown.filter((label) => !grouped.includes(label))).toEqual([]);
      }
    }
  );

  it('fills its variables from labels that there are', () => {
    const queries = dashboard.templating.list.flatMap(({ query }) =>
      typeof query === 'object' && query !== null ? [(query as { readonly query: string }).query] : []
    );
    expect(queries.map((query) => problemsOf(query))).toEqual([[], []]);
  });

  it('shows every metric', () => {
    const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)).join('\n');
    const names = definitions.map((definition) => prometheusName(definition));
    expect(names.filter((name) => !new RegExp(`\\b${name}(?:_bucket)?\\{`).test(queries))).toEqual([]);
  });

  it('has no panel over another', () => {
    const cells = dashboard.panels.flatMap(({ gridPos: { h, w, x, y } }) =>
      Array.from({ length: h * w }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`)
    );
    expect(new Set(cells).size).toBe(cells.length);
  });

  it.each([
    ['rate(xstate_fleet_taskz[1m])', 'there is no xstate_fleet_taskz'],
    ['xstate_fleet_tasks{type="a"}', 'xstate_fleet_tasks has no label type'],
    ['sum by (outcome) (xstate_fleet_tasks)', 'it groups by outcome'],
    ['xstate_fleet_retries_total', 'it shows a counter as it is']
  ])('would not be let ask %s', (expr, problem) => {
    expect(problemsOf(expr).join()).toContain(problem);
  });
});

describe('the table of metrics', () => {
  const page = read('telemetry.md');

  it.each(definitions.map((definition) => [prometheusName(definition), definition] as const))(
    'has %s, with its labels and what it is',
    (name, definition) => {
      const labels = definition.labels.map((label) => `\`${label}\``).join(', ');
      expect(page).toContain(`| \`${name}\` | ${definition.kind} | ${labels} | ${definition.help} |`);
    }
  );
});
