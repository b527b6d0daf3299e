import type { FinalTaskStatus } from '../../machines/task.ts';
import type { AttemptOutcome } from './attemptOutcome.ts';
import type { Distribution } from './distribution.ts';
import { maxTypes, otherTypes, type MetricId } from './metricDefinitions.ts';

/** Makes the distribution of a metric with these labels. */
export type MakeDistribution = (metric: MetricId, labels: Readonly<Record<string, string>>) => Distribution;

/** What is counted of the tasks of one type. */
export class TypeFigures {
  readonly type: string;
  submitted = 0;
  started = 0;
  retries = 0;
  recoveries = 0;
  readonly wait: Distribution;
  /** Of how many there are, their number says. */
  readonly #runs = new Map<AttemptOutcome, { ended: number; readonly run: Distribution }>();
  readonly #settled = new Map<FinalTaskStatus, Distribution>();
  readonly #make: MakeDistribution;

  constructor(type: string, make: MakeDistribution) {
    this.type = type;
    this.#make = make;
    this.wait = make('wait', { type });
  }

  get runs(): ReadonlyMap<AttemptOutcome, { readonly ended: number; readonly run: Distribution }> {
    return this.#runs;
  }

  get settled(): ReadonlyMap<FinalTaskStatus, Distribution> {
    return this.#settled;
  }

  /** @param seconds - `null`: it was never started. */
  end(outcome: AttemptOutcome, seconds: number | null): void {
    let runs = this.#runs.get(outcome);
    if (runs === undefined) {
      runs = { ended: 0, run: this.#make('run', { type: this.type, outcome }) };
      this.#runs.set(outcome, runs);
    }
    runs.ended += 1;
    if (seconds !== null) runs.run.observe(seconds);
  }

  /** @param seconds - Since its submission. */
  settle(status: FinalTaskStatus, seconds: number): void {
    let durations = this.#settled.get(status);
    if (durations === undefined) {
      this.#settled.set(status, (durations = this.#make('endToEnd', { type: this.type, status })));
    }
    durations.observe(seconds);
  }
}

/** The figures of each type: the first ones have their own, the others share theirs. */
export class FiguresByType {
  readonly #figures = new Map<string, TypeFigures>();
  readonly #make: MakeDistribution;

  constructor(make: MakeDistribution) {
    this.#make = make;
  }

  of(type: string): TypeFigures {
    return this.#figures.get(type) ?? this.#add(type);
  }

  /** What a type is called. */
  labelOf(type: string): string {
    return this.of(type).type;
  }

  [Symbol.iterator](): IterableIterator<TypeFigures> {
    return this.#figures.values();
  }

  #add(type: string): TypeFigures {
    const label = this.#figures.size < maxTypes ? type : otherTypes;
    let figures = this.#figures.get(label);
    if (figures === undefined) this.#figures.set(label, (figures = new TypeFigures(label, this.#make)));
    return figures;
  }
}
