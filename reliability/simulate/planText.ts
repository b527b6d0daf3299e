import type { Plan } from './plan.ts';

/** JSON with a line for each operation, so that a plan can be read, cut by hand, and lived again. */
export function formatPlan({ seed, config, operations }: Plan): string {
  const lines = operations.map((operation) => `    ${JSON.stringify(operation)}`);
  return [
    '{',
    `  "seed": ${seed},`,
    `  "config": ${JSON.stringify(config)},`,
    lines.length === 0 ? '  "operations": []' : `  "operations": [\n${lines.join(',\n')}\n  ]`,
    '}'
  ].join('\n');
}

/** Reads what {@link formatPlan} wrote. @throws {Error} when it is no plan. */
export function parsePlan(text: string): Plan {
  const plan = JSON.parse(text) as Partial<Plan>;
  if (!Number.isSafeInteger(plan.seed) || !Array.isArray(plan.operations) || plan.config === undefined) {
    throw new Error('Not a plan: it has no seed, no config or no operations');
  }
  return plan as Plan;
}
