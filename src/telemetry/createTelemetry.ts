import { createRequire } from 'node:module';
import type { MeterProvider, TracerProvider } from '@opentelemetry/api';
import type { Registry } from 'prom-client';
import type { FleetHealth } from '../fleet/fleetHealth.ts';
import type { FleetInstruments, FleetTelemetry, ObservedFleet } from '../fleetTelemetry.ts';
import { readOptions, refuse } from '../validation/validation.ts';
import { Distribution } from './distribution.ts';
import { FleetMetrics, type Sample } from './fleetMetrics.ts';
import { metricDefinitions, type MetricId } from './metricDefinitions.ts';
import { OpenTelemetryMetrics } from './openTelemetryMetrics.ts';
import { requireOpenTelemetry, requirePromClient } from './peers.ts';
import { probes } from './probes.ts';
import { PrometheusMetrics } from './prometheus.ts';
import { SubmissionTracing } from './submissionTracing.ts';
import { FleetTracing } from './tracing.ts';

/** What is told of a fleet, and to whom. All default to `false`: of such a fleet, health alone is told. */
export interface TelemetryOptions {
  /** Spans, by the provider that is registered with `@opentelemetry/api`, or by this one. */
  readonly traces?: boolean | { readonly tracerProvider: TracerProvider };
  /** Instruments of OpenTelemetry, by the provider that is registered with `@opentelemetry/api`, or by this one. */
  readonly metrics?: boolean | { readonly meterProvider: MeterProvider };
  /** A page for Prometheus, by `prom-client`: of a registry of its own, or of this one, which has other metrics too. */
  readonly prometheus?: boolean | { readonly registry: Registry };
}

/** Measures and traces fleets: pass it as their option `telemetry`, or as that of `connectFleet`. One of these serves all fleets of a process. */
export interface Telemetry extends FleetTelemetry {
  /** Answers `GET` of `/metrics`, `/healthz` and `/readyz`, below any prefix, to mount in a server of yours. */
  readonly handler: (request: Request) => Promise<Response>;
}

const optionNames = ['traces', 'metrics', 'prometheus'] satisfies (keyof TelemetryOptions)[];

const scope = 'xstate-fleet';

/** A fleet that is followed. */
interface Followed {
  readonly fleet: ObservedFleet;
  /** `null`: nothing is measured. */
  readonly figures: FleetMetrics | null;
  readonly following: readonly Disposable[];
  /** It has stopped, or could not start: it may run in another process. */
  hasEnded: boolean;
}

/**
 * Makes telemetry. What it needs is loaded here, and only what is asked for.
 *
 * @throws {ValidationError} @throws {MissingPeerError} for a package that is not installed.
 */
export function createTelemetry(options: TelemetryOptions = {}): Telemetry {
  const {
    traces = false,
    metrics = false,
    prometheus = false
  } = readOptions('options', options, optionNames);
  const { version } = createRequire(import.meta.url)('xstate-fleet/package.json') as { version: string };
  const followed = new Map<string, Followed>();
  const collect = function* (): Generator<Sample & { readonly fleet: string }, void, undefined> {
    for (const { fleet, figures } of followed.values()) {
      for (const sample of figures?.collect() ?? []) yield { ...sample, fleet: fleet.name };
    }
  };

  const api = traces !== false || metrics !== false ? requireOpenTelemetry() : null;
  const tracer = isAsked('traces', traces, 'tracerProvider', 'getTracer')
    ? (providerOf(traces, 'tracerProvider') ?? api!.trace).getTracer(scope, version)
    : null;
  const otel = isAsked('metrics', metrics, 'meterProvider', 'getMeter')
    ? new OpenTelemetryMetrics(
        (providerOf(metrics, 'meterProvider') ?? api!.metrics).getMeter(scope, version),
        collect
      )
    : null;
  const prom = isAsked('prometheus', prometheus, 'registry', 'registerMetric')
    ? new PrometheusMetrics(
        providerOf(prometheus, 'registry') ?? new (requirePromClient().Registry)(),
        collect
      )
    : null;

  const attach = (fleet: ObservedFleet): FleetInstruments => {
    for (const disposable of followed.get(fleet.name)?.following ?? []) disposable[Symbol.dispose]();
    const make = (metric: MetricId, labels: Readonly<Record<string, string>>): Distribution =>
      distributionOf(metric, otel?.recorderOf(metric, fleet.name, labels) ?? null);
    const figures = otel !== null || prom !== null ? new FleetMetrics(fleet, make) : null;
    const tracing = tracer === null ? null : new FleetTracing({ api: api!, tracer, fleet });
    const following = [
      ...(figures === null ? [] : [figures.observe()]),
      ...(tracing === null ? [] : [fleet.observers.add(tracing)])
    ];
    const entry: Followed = { fleet, figures, following, hasEnded: false };
    followed.set(fleet.name, entry);
    return {
      traces: tracing,
      starting: () => {
        entry.hasEnded = false;
        tracing?.starting();
      },
      ended: () => {
        entry.hasEnded = true;
        figures?.storeRecovered();
        tracing?.ended();
      }
    };
  };
  const page: Telemetry['metrics'] = async () => (prom === null ? null : prom.page());
  return {
    attach,
    tracesTo: (fleet, clock) =>
      tracer === null ? null : new SubmissionTracing({ api: api!, tracer, fleet, clock }),
    metrics: page,
    handler: probes({
      health: () => healthOf([...followed.values()]),
      metrics: page
    })
  };
}

/** Of those that are here to run. Where all have ended, it is told how they did. */
function healthOf(followed: readonly Followed[]): readonly FleetHealth[] {
  const here = followed.filter(({ hasEnded }) => !hasEnded);
  return (here.length > 0 ? here : followed).map(({ fleet }) => fleet.health());
}

function distributionOf(metric: MetricId, onObserved: ((value: number) => void) | null): Distribution {
  const definition = metricDefinitions[metric];
  return new Distribution('buckets' in definition ? definition.buckets : [], onObserved);
}

/** Validates one of the options. @throws {ValidationError} */
function isAsked(name: keyof TelemetryOptions, value: unknown, field: string, method: string): boolean {
  if (typeof value === 'boolean') return value;
  const provider = (value as Record<string, unknown> | null)?.[field] as Record<string, unknown> | undefined;
  if (typeof provider?.[method] === 'function') return true;
  return refuse(`options.${name}`, value, `true, false or { ${field} }, which has a method ${method}`);
}

function providerOf<TField extends string, TProvider>(
  option: boolean | { readonly [Field in TField]: TProvider },
  field: TField
): TProvider | null {
  return typeof option === 'boolean' ? null : option[field];
}
