export { MissingPeerError } from './errors.ts';
export type {
  FleetInstruments,
  FleetTelemetry,
  FleetTraces,
  MetricsPage,
  ObservedFleet
} from './fleetTelemetry.ts';
export { inAttemptTrace, withAttemptSpan, type TracedAttempt } from './telemetry/attemptSpan.ts';
export { createTelemetry, type Telemetry, type TelemetryOptions } from './telemetry/createTelemetry.ts';
export {
  maxTypes,
  metricDefinitions,
  otherTypes,
  prometheusName,
  type MetricDefinition,
  type MetricLabel
} from './telemetry/metricDefinitions.ts';
