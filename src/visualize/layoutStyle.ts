import type { LayoutOptions } from 'elkjs/lib/elk-api.js';

/** How a chart is laid out. */
export interface LayoutStyle {
  /** Where transitions lead, mostly. */
  readonly direction: 'DOWN' | 'RIGHT';
  /** Lines of what is written on arrows, and in states, break at this many px. */
  readonly labelWidth: number;
  readonly boxWidth: number;
  /**
   * Which transitions lead back: those to what is declared earlier, those to what was passed on the way from the
   * beginning, or as few as possible.
   */
  readonly backwards: 'declared' | 'passed' | 'fewest';
  /** Whether what is declared earlier comes earlier, where that costs crossings. */
  readonly isInOrder: boolean;
}

/** What a style is for ELK. */
export function elkOptionsOf({ direction, backwards, isInOrder }: LayoutStyle): LayoutOptions {
  return {
    ...options,
    'elk.direction': direction,
    'elk.layered.cycleBreaking.strategy': cycleBreaking[backwards],
    'elk.layered.considerModelOrder.strategy': isInOrder ? 'NODES_AND_EDGES' : 'NONE'
  };
}

/** Labels stand in their lines, so that nobody has to guess which one they belong to. */
export const elkLabelOptions: LayoutOptions = {
  'elk.edgeLabels.inline': 'true',
  'elk.edgeLabels.placement': 'CENTER'
};

const cycleBreaking = { declared: 'MODEL_ORDER', passed: 'DEPTH_FIRST', fewest: 'GREEDY' } as const;

const options: LayoutOptions = {
  'elk.algorithm': 'layered',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.json.shapeCoords': 'ROOT',
  'elk.json.edgeCoords': 'ROOT',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
  'elk.layered.thoroughness': '20',
  'elk.randomSeed': '1',
  'elk.spacing.nodeNode': '22',
  'elk.spacing.edgeNode': '12',
  'elk.spacing.edgeEdge': '10',
  'elk.spacing.edgeLabel': '2',
  'elk.layered.spacing.nodeNodeBetweenLayers': '20',
  'elk.layered.spacing.edgeNodeBetweenLayers': '12',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '9'
};
