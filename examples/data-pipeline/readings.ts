import type { HandlerContext } from 'xstate-fleet';

/** A file of readings, and what is to be done with it. */
export interface DataTask {
  readonly source: string;
  readonly csv: string;
  readonly transformations: readonly Transformation[];
}

export type Transformation = 'clean' | 'validate' | 'celsius';

export interface DataProcessingResult {
  readonly source: string;
  readonly recordsProcessed: number;
  readonly recordsDropped: number;
  readonly mean: number;
  readonly transformationsApplied: readonly Transformation[];
}

interface Reading {
  readonly sensor: string;
  readonly value: number;
}

/** Applies the transformations in order, and sums up what is left. */
export function processReadings(
  { source, csv, transformations }: DataTask,
  { log }: HandlerContext
): DataProcessingResult {
  const before = parse(csv);
  let readings = before;
  for (const name of transformations) {
    readings = transform[name](readings);
    log(`${name}: ${readings.length} of ${before.length} left`);
  }
  if (readings.length === 0) throw new Error(`${source} holds no reading that is valid`);
  return {
    source,
    recordsProcessed: readings.length,
    recordsDropped: before.length - readings.length,
    mean: readings.reduce((sum, { value }) => sum + value, 0) / readings.length,
    transformationsApplied: transformations
  };
}

const transform: Readonly<Record<Transformation, (readings: readonly Reading[]) => readonly Reading[]>> = {
  clean: (readings) => readings.filter(({ value }) => Number.isFinite(value)),
  validate: (readings) => readings.filter(({ value }) => value > -60 && value < 140),
  celsius: (readings) => readings.map(({ sensor, value }) => ({ sensor, value: ((value - 32) * 5) / 9 }))
};

/** Lines of `sensor,value`; a value that is no number is NaN. */
function parse(csv: string): readonly Reading[] {
  return csv
    .trim()
    .split('\n')
    .map((line) => {
      const [sensor = '', value = ''] = line.split(',');
      return { sensor, value: value === '' ? NaN : Number(value) };
    });
}
