import type { AnyStateMachine } from 'xstate';
import * as exported from '../machines/index.ts';
import { toMermaid } from '../src/visualize/mermaid.ts';
import { toStatelyConfig } from '../src/visualize/stately.ts';
import { toSvg } from '../src/visualize/svg.ts';
import { machinesOf } from '../src/visualize/machineModule.ts';

/** The machines that are drawn, by the names under which `machines/index.ts` exports them: all that it does. */
export const machines: ReadonlyMap<string, AnyStateMachine> = machinesOf(exported);

/** What must be in `visualizations/`, by file name. */
export async function drawAll(): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const [name, machine] of machines) {
    files.set(`${name}.svg`, await toSvg(machine));
    files.set(
      `${name}.mmd`,
      `%% Drawn from machines/${name}.ts by \`npm run visualize\`.\n${toMermaid(machine)}`
    );
    files.set(`${name}.stately.json`, `${JSON.stringify(toStatelyConfig(machine).config, null, 2)}\n`);
  }
  return files;
}

/** Puts each Mermaid chart into the block that follows its `<!-- <name>.mmd -->`. */
export function embedCharts(markdown: string, files: ReadonlyMap<string, string>): string {
  return markdown.replaceAll(
    /(<!-- (\w+\.mmd) -->\n```mermaid\n)[^]*?(```\n)/g,
    (block, opening: string, file: string, closing: string) => {
      const chart = files.get(file);
      return chart === undefined ? block : opening + chart + closing;
    }
  );
}
