import type { Metric, Registry } from 'prom-client';
import type { MetricsPage } from '../fleetTelemetry.ts';
import { Distribution } from './distribution.ts';
import type { Labels, Sample } from './fleetMetrics.ts';
import { metricDefinitions, metricIds, prometheusName, type MetricId } from './metricDefinitions.ts';

/** Samples of all fleets, each with the name of its fleet. */
export type CollectFleets = () => Iterable<Sample & { readonly fleet: string }>;

/** A line of the format. */
interface Line {
  /** Absent: that of the metric. */
  readonly metricName?: string;
  readonly labels: Labels;
  readonly value: number;
}

/**
 * Puts the metrics of fleets into a registry of prom-client.
 *
 * What is observed is counted by the fleet's own figures, and handed to the registry when it is read: a histogram of
 * prom-client takes a microsecond for each value.
 */
export class PrometheusMetrics {
  readonly #registry: Registry;

  constructor(registry: Registry, collect: CollectFleets) {
    this.#registry = registry;
    // All metrics are read in one go: what belongs to one moment is collected once.
    let collected: ReadonlyMap<MetricId, readonly Line[]> | null = null;
    const linesOf = (id: MetricId): readonly Line[] => {
      if (collected === null) {
        collected = linesById(collect());
        queueMicrotask(() => (collected = null));
      }
      return collected.get(id) ?? [];
    };
    for (const id of metricIds) {
      const { kind, help } = metricDefinitions[id];
      // What a registry asks of a metric: its name, which one of OpenMetrics changes, its values, and to forget them,
      // which these never do.
      const metric = {
        name: prometheusName(metricDefinitions[id]),
        help,
        type: kind,
        aggregator: 'sum',
        get: () => Promise.resolve({ ...metric, values: linesOf(id) }),
        reset: () => {}
      };
      registry.registerMetric(metric as unknown as Metric);
    }
  }

  async page(): Promise<MetricsPage> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }
}

function linesById(samples: Iterable<Sample & { readonly fleet: string }>): Map<MetricId, Line[]> {
  const byId = new Map<MetricId, Line[]>();
  for (const { metric, labels: own, fleet, value } of samples) {
    let lines = byId.get(metric);
    if (lines === undefined) byId.set(metric, (lines = []));
    const labels = { fleet, ...own };
    if (value instanceof Distribution) lines.push(...linesOfDistribution(metric, labels, value));
    else lines.push({ labels, value });
  }
  return byId;
}

function linesOfDistribution(metric: MetricId, labels: Labels, { counts, sum, count }: Distribution): Line[] {
  const definition = metricDefinitions[metric];
  const name = prometheusName(definition);
  const bounds: readonly number[] = 'buckets' in definition ? definition.buckets : [];
  let below = 0;
  const buckets = counts.map((some, index) => {
    below += some;
    const le = bounds[index] === undefined ? '+Inf' : String(bounds[index]);
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: below };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count }
  ];
}
