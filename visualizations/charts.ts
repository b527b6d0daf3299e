import type { AnyStateMachine } from 'xstate';
import { autoscalerMachine } from '../machines/autoscalerMachine.ts';
import { batchMachine } from '../machines/batchMachine.ts';
import { coordinatorMachine } from '../machines/coordinatorMachine.ts';
import { fleetMachine } from '../machines/fleetMachine.ts';
import { scheduleMachine } from '../machines/scheduleMachine.ts';
import { taskMachine } from '../machines/taskMachine.ts';
import { workerMachine } from '../machines/workerMachine.ts';
import { toMermaid } from './mermaid.ts';

/** The machines that are drawn, by the name of their file. */
export const machines: Readonly<Record<string, AnyStateMachine>> = {
  taskMachine,
  batchMachine,
  scheduleMachine,
  workerMachine,
  coordinatorMachine,
  autoscalerMachine,
  fleetMachine
};

/** What `visualizations/<name>.mmd` must hold. */
export function chartOf(name: string, machine: AnyStateMachine): string {
  return `%% Drawn from machines/${name}.ts by \`npm run visualize\`.\n${toMermaid(machine)}`;
}

/** Puts each chart into the `mermaid` block that follows its `<!-- <name>.mmd -->`. */
export function embedCharts(markdown: string, charts: ReadonlyMap<string, string>): string {
  return markdown.replaceAll(
    /(<!-- (\w+)\.mmd -->\n```mermaid\n)[^]*?(```\n)/g,
    (block, opening: string, name: string, closing: string) => {
      const chart = charts.get(name);
      return chart === undefined ? block : opening + chart + closing;
    }
  );
}
