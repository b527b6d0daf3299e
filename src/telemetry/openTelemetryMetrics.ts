import type { Histogram, Meter, Observable } from '@opentelemetry/api';
import type { CollectFleets } from './prometheus.ts';
import { Distribution } from './distribution.ts';
import { metricDefinitions, metricIds, type MetricDefinition, type MetricId } from './metricDefinitions.ts';
import type { Labels } from './fleetMetrics.ts';

/**
 * The metrics of fleets as instruments of OpenTelemetry: gauges and counters are observed when they are collected, and
 * histograms get each value.
 */
export class OpenTelemetryMetrics {
  readonly #histograms = new Map<MetricId, Histogram>();

  constructor(meter: Meter, collect: CollectFleets) {
    const observables = new Map<MetricId, Observable>();
    for (const id of metricIds) {
      const { name, kind, unit, help, buckets }: MetricDefinition = metricDefinitions[id];
      const options = { unit, description: help };
      if (kind === 'gauge') observables.set(id, meter.createObservableGauge(name, options));
      else if (kind === 'counter') observables.set(id, meter.createObservableCounter(name, options));
      else {
        const advice = { explicitBucketBoundaries: [...(buckets ?? [])] };
        this.#histograms.set(id, meter.createHistogram(name, { ...options, advice }));
      }
    }
    meter.addBatchObservableCallback(
      (result) => {
        for (const { metric, labels, fleet, value } of collect()) {
          const observable = observables.get(metric);
          if (observable === undefined || value instanceof Distribution) continue;
          result.observe(observable, value, { fleet, ...labels });
        }
      },
      [...observables.values()]
    );
  }

  /** What records each value of a histogram. */
  recorderOf(metric: MetricId, fleet: string, labels: Labels): (value: number) => void {
    const histogram = this.#histograms.get(metric)!;
    const attributes = { fleet, ...labels };
    return (value) => histogram.record(value, attributes);
  }
}
