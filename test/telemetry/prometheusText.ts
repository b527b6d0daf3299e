/** What a page of metrics says: values by their line, `name{label="value"}`, and the type of each metric. */
export interface ParsedMetrics {
  readonly values: ReadonlyMap<string, number>;
  readonly types: ReadonlyMap<string, string>;
  /** The sum of a metric's values whose labels are among them. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number;
}

const sampleLine = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;

/** Reads the text format of Prometheus. @throws for a line that is none. */
export function parseMetrics(text: string): ParsedMetrics {
  const values = new Map<string, number>();
  const types = new Map<string, string>();
  const samples: { name: string; labels: Map<string, string>; value: number }[] = [];
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('# HELP ')) continue;
    const [, typed, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (typed !== undefined) {
      types.set(typed, type!);
      continue;
    }
    const [, name, labels = '', number] = sampleLine.exec(line) ?? [];
    if (name === undefined) throw new Error(`No line of the format: ${line}`);
    const parsed = new Map(
      Array.from(labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"(?:,|$)/g), ([, label, value]) => [label!, value!])
    );
    const value = Number(number!.replace('+Inf', 'Infinity'));
    if (Number.isNaN(value)) throw new Error(`No number in: ${line}`);
    if (values.has(`${name}{${labels}}`)) throw new Error(`Twice: ${line}`);
    values.set(`${name}{${labels}}`, value);
    samples.push({ name, labels: parsed, value });
  }
  return {
    values,
    types,
    sum: (name, wanted = {}) =>
      samples
        .filter((sample) => sample.name === name)
        .filter(({ labels }) => Object.entries(wanted).every(([label, value]) => labels.get(label) === value))
        .reduce((sum, { value }) => sum + value, 0)
  };
}
