import type { Figure, Figures } from './case.ts';

/** What was measured, by case: the figures of each round. */
export class Rounds {
  readonly #figures = new Map<string, Figures[]>();

  add(name: string, figures: Figures): void {
    const rounds = this.#figures.get(name);
    if (rounds) rounds.push(figures);
    else this.#figures.set(name, [figures]);
  }

  /** One for each round that the case was run in. */
  valuesOf(name: string, figure: Figure): readonly number[] {
    return (this.#figures.get(name) ?? []).flatMap((figures) => figures[figure] ?? []);
  }

  /** The median, or `undefined` when the case has no such figure. */
  medianOf(name: string, figure: Figure): number | undefined {
    return median(this.valuesOf(name, figure));
  }

  /** The median of the ratios of each round, so that both sides of a ratio saw the same machine. */
  ratioOf(name: string, against: string, figure: Figure): number | undefined {
    const others = this.valuesOf(against, figure);
    const pairs = this.valuesOf(name, figure).slice(0, others.length);
    return median(pairs.map((value, round) => value / others[round]!));
  }
}

export function median(values: readonly number[]): number | undefined {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)];
}
