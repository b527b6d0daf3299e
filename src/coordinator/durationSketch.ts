import type { LogCollapsingLowestDenseDDSketch } from '@datadog/sketches-js';
import type { Json } from '../../machines/task.ts';
import { assertDuration, assertInteger, assertObject, readItems } from '../validation/validation.ts';

/** How long results took, ms. All but `count`, `mean` and `max` are off by 1 % at most. */
export interface DurationPercentiles {
  readonly count: number;
  readonly mean: number;
  readonly max: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
}

const relativeAccuracy = 0.01;
/** From a microsecond to 285 years there are some 2,200 bins of 1 %; beyond, the shortest are merged. */
const binLimit = 2_500;
/** A bin's number is the logarithm of its value. */
const maxBin = 1_000_000;

let Sketch: typeof LogCollapsingLowestDenseDDSketch | null = null;

/** Loads the library of sketches: 17 modules, which an import of the package need not wait for. */
export async function loadSketches(): Promise<void> {
  Sketch ??= (await import('@datadog/sketches-js')).LogCollapsingLowestDenseDDSketch;
}

/**
 * Percentiles of durations in bounded memory, whatever is added: a DDSketch, kept as its bins.
 *
 * It takes up durations once {@link loadSketches} has resolved.
 */
export class DurationSketch {
  /** From the first duration on. */
  #sketch: LogCollapsingLowestDenseDDSketch | null = null;

  /** @param value - JSON of an earlier sketch. @throws {ValidationError} */
  static restore(path: string, value: unknown): DurationSketch {
    assertObject(path, value);
    const { zeros, sum, max, bins } = value;
    assertInteger(`${path}.zeros`, zeros, 0, Number.MAX_SAFE_INTEGER);
    assertDuration(`${path}.sum`, sum, 0);
    assertDuration(`${path}.max`, max, 0);
    const restored = new DurationSketch();
    const sketch = restored.#begun();
    sketch.count = sketch.zeroCount = zeros;
    for (const [index, bin] of readItems(`${path}.bins`, bins, binLimit).entries()) {
      const [key, count] = readItems(`${path}.bins[${index}]`, bin, 2);
      assertInteger(`${path}.bins[${index}][0]`, key, -maxBin, maxBin);
      assertInteger(`${path}.bins[${index}][1]`, count, 1, Number.MAX_SAFE_INTEGER);
      sketch.store.add(key, count);
      sketch.count += count;
    }
    sketch.sum = sum;
    sketch.max = max;
    return restored;
  }

  /** @param durationMs - Finite, >= 0. */
  add(durationMs: number): void {
    this.#begun().accept(durationMs);
  }

  percentiles(): DurationPercentiles {
    const sketch = this.#sketch;
    if (sketch === null || sketch.count === 0) {
      return { count: 0, mean: 0, max: 0, p50: 0, p90: 0, p95: 0, p99: 0 };
    }
    const { count, sum, max } = sketch;
    // A bin has one value for all that is in it: that of the last one may be beyond the longest duration.
    const at = (quantile: number) => Math.min(max, sketch.getValueAtQuantile(quantile));
    return { count, mean: sum / count, max, p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99) };
  }

  toJson(): Json {
    if (this.#sketch === null) return { zeros: 0, sum: 0, max: 0, bins: [] };
    const { store, zeroCount, sum, max, count } = this.#sketch;
    const bins: Json[] = [];
    store.bins.forEach((weight, index) => {
      if (weight > 0) bins.push([index + store.offset, weight]);
    });
    return { zeros: zeroCount, sum, max: count === 0 ? 0 : max, bins };
  }

  #begun(): LogCollapsingLowestDenseDDSketch {
    return (this.#sketch ??= new Sketch!({ relativeAccuracy, binLimit }));
  }
}
