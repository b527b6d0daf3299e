/** The charts of a fleet, in the order in which they are offered. */
export const chartNames = [
  'task',
  'batch',
  'worker',
  'fleet',
  'coordinator',
  'autoscaler',
  'schedule'
] as const;

export type ChartName = (typeof chartNames)[number];
