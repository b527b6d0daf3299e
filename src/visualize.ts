export {
  describeMachine,
  type Chart,
  type ChartInvocation,
  type ChartState,
  type ChartTransition
} from './visualize/chart.ts';
export { toMermaid } from './visualize/mermaid.ts';
export { toStatelyConfig, toStatelySource, type Inlined, type StatelyConfig } from './visualize/stately.ts';
export { toSvg, type SvgOptions } from './visualize/svg.ts';
