import type { Operation, Plan } from './plan.ts';

/** Whether a plan still shows what is looked for. */
export type Shows = (plan: Plan) => Promise<boolean>;

/** Fields of operations and tasks that may be left out. */
const optionalFields: ReadonlySet<string> = new Set(['priority', 'delayMs', 'timeoutMs', 'maxRetries']);

/**
 * Finds a short plan that still shows what a long one does: fewer operations first (delta debugging), then
 * smaller parts and rounder numbers within them, until nothing can be taken away or the tries are used up.
 *
 * @param tries - Plans that are lived at most.
 */
export async function shrink(plan: Plan, shows: Shows, tries: number): Promise<Plan> {
  let left = tries;
  const trying: Shows = async (candidate) => left-- > 0 && (await shows(candidate));
  let best = plan;
  for (;;) {
    const operations = await fewer(best.operations, (kept) => trying({ ...best, operations: kept }));
    const shorter = { ...best, operations };
    const simpler = await simplified(shorter, trying);
    const isSmaller = sizeOf(simpler) < sizeOf(best);
    best = simpler;
    if (!isSmaller || left <= 0) return best;
  }
}

/** As few of the items as still show it: halves are left out first, then smaller and smaller parts. */
async function fewer<T>(
  items: readonly T[],
  show: (items: readonly T[]) => Promise<boolean>
): Promise<readonly T[]> {
  let best = items;
  let size = Math.ceil(best.length / 2);
  while (best.length > 0 && size >= 1) {
    let isReduced = false;
    // From the end: what comes after the failure is of no use.
    for (let to = best.length; to > 0; to = Math.min(to - size, best.length)) {
      const kept = [...best.slice(0, Math.max(0, to - size)), ...best.slice(to)];
      if (!(await show(kept))) continue;
      best = kept;
      isReduced = true;
    }
    if (size === 1 && !isReduced) break;
    size = isReduced && size === 1 ? 1 : Math.floor(size / 2);
  }
  return best;
}

/** Tries every simpler variant of every part, and keeps those that still show it. */
async function simplified(plan: Plan, shows: Shows): Promise<Plan> {
  let best = plan;
  for (const field of Object.keys(plan.config) as (keyof Plan['config'])[]) {
    const { [field]: _, ...config } = best.config;
    const simpler: Plan = { seed: plan.seed, config, operations: plan.operations };
    if (await shows(simpler)) best = simpler;
  }
  for (let index = 0; index < best.operations.length; index++) {
    const withOperation = (operation: unknown): Plan => ({
      ...best,
      operations: best.operations.with(index, operation as Operation)
    });
    // Whatever is taken over may be simplified further, so it begins anew.
    for (let isSimpler = true; isSimpler;) {
      isSimpler = false;
      for (const variant of variantsOf(best.operations[index])) {
        if (!(await shows(withOperation(variant)))) continue;
        best = withOperation(variant);
        isSimpler = true;
        break;
      }
    }
  }
  return best;
}

/** What a value may be replaced with, each a little simpler than it. */
function* variantsOf(value: unknown): Generator<unknown, void, undefined> {
  if (typeof value === 'number') yield* simplerNumbers(value);
  else if (value === true) yield false;
  else if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    for (let index = items.length - 1; index >= 0; index--) {
      yield items.toSpliced(index, 1);
      for (const variant of variantsOf(items[index])) yield items.with(index, variant);
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [field, part] of Object.entries(value)) {
      if (optionalFields.has(field)) {
        yield Object.fromEntries(Object.entries(value).filter(([name]) => name !== field));
      }
      for (const variant of variantsOf(part)) yield { ...value, [field]: variant };
    }
  }
}

function* simplerNumbers(value: number): Generator<number, void, undefined> {
  const candidates = [0, 1, Math.trunc(value / 2), roundedDown(value), value - 1];
  for (const candidate of new Set(candidates)) if (Math.abs(candidate) < Math.abs(value)) yield candidate;
}

/** To its first digit. */
function roundedDown(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.abs(value)));
  return Math.trunc(value / unit) * unit;
}

/** A plan that is written down shorter is the simpler one; of equal length, the one with smaller numbers. */
function sizeOf(plan: Plan): number {
  return JSON.stringify(plan).length;
}
