import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader
} from '@opentelemetry/sdk-metrics';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { memoryStore, StoreError } from '../../src/index.ts';
import { createTelemetry, maxTypes, metricDefinitions, prometheusName } from '../../src/telemetry.ts';
import { Distribution } from '../../src/telemetry/distribution.ts';
import { faultyStore, gate, settled, startFleet } from '../harness.ts';
import { parseMetrics } from './prometheusText.ts';

const definitions = Object.values(metricDefinitions);

async function scrape(telemetry: ReturnType<typeof createTelemetry>) {
  return parseMetrics((await telemetry.metrics())!.text);
}

/** A fleet some of whose tasks complete, fail after a retry, or are cancelled. */
async function ranFleet(telemetry: ReturnType<typeof createTelemetry>) {
  const started = await startFleet({
    telemetry,
    handlers: {
      work: (n: number) => n,
      fail: () => {
        throw new Error('no');
      },
      wait: (_: null, { signal }: { signal: AbortSignal }) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        )
    },
    config: { maxRetries: 1 }
  });
  const { fleet, clock } = started;
  const work = Array.from({ length: 20 }, (_, n) => ({ id: `w${n}`, type: 'work' as const, data: n }));
  const fail = Array.from({ length: 3 }, (_, n) => ({ id: `f${n}`, type: 'fail' as const, data: n }));
  await fleet.submitBatch([...work, ...fail], { batchId: 'b' });
  await settled();
  await clock.advance(100);
  await fleet.waitForBatch('b');
  const { key } = await fleet.submitAsync('wait', null);
  await settled();
  await fleet.cancelTask(key);
  await settled();
  return started;
}

describe('metrics for Prometheus', () => {
  it('agree with what the fleet says of itself', async () => {
    const telemetry = createTelemetry({ prometheus: true });
    const { fleet } = await ranFleet(telemetry);
    const page = await scrape(telemetry);
    const stats = await fleet.getStats();
    const settledTasks = (status: string) => page.sum('xstate_fleet_tasks_settled_total', { status });
    expect(page.sum('xstate_fleet_tasks_submitted_total')).toBe(stats.totalTasks);
    expect(settledTasks('completed')).toBe(stats.completedTasks);
    expect(settledTasks('failed')).toBe(stats.failedTasks);
    expect(settledTasks('cancelled')).toBe(stats.cancelledTasks);
    expect(page.sum('xstate_fleet_retries_total')).toBe(stats.retriedAttempts);
    expect(page.sum('xstate_fleet_retries_total', { type: 'fail' })).toBe(3);
    expect(page.sum('xstate_fleet_attempts_started_total')).toBe(20 + 6 + 1);
    expect(page.sum('xstate_fleet_attempts_ended_total', { outcome: 'failed' })).toBe(6);
    expect(page.sum('xstate_fleet_batches_settled_total', { status: 'partial' })).toBe(1);
    expect(page.sum('xstate_fleet_task_wait_seconds_count')).toBe(27);
    expect(page.sum('xstate_fleet_attempt_run_seconds_count', { outcome: 'completed' })).toBe(20);
    expect(page.sum('xstate_fleet_task_duration_seconds_sum', { type: 'fail' })).toBeCloseTo(0.3);
    expect(page.sum('xstate_fleet_workers')).toBe(stats.workerCount);
    expect(page.sum('xstate_fleet_tasks')).toBe(0);
    expect(page.sum('xstate_fleet_ready', { fleet: 'test' })).toBe(1);
    await fleet.stop();
  });

  it('are those that are defined, and their histograms add up', async () => {
    const telemetry = createTelemetry({ prometheus: true });
    const { fleet } = await ranFleet(telemetry);
    const { types, values, sum } = await scrape(telemetry);
    expect(Object.fromEntries(types)).toEqual(
      Object.fromEntries(definitions.map((definition) => [prometheusName(definition), definition.kind]))
    );
    const infinite = [...values].filter(([line]) => line.includes('le="+Inf"'));
    expect(infinite.length).toBeGreaterThan(5);
    for (const [line, value] of infinite) {
      const count = line.replace('_bucket{', '_count{').replace(',le="+Inf"', '');
      expect([count, values.get(count)]).toEqual([count, value]);
    }
    expect(sum('xstate_fleet_turn_size_sum')).toBeGreaterThan(27 * 3);
    await fleet.stop();
  });

  it('show what waits, by type, and what runs', async () => {
    const telemetry = createTelemetry({ prometheus: true });
    const hanging = gate();
    const handlers = { a: () => hanging.promise as Promise<unknown>, b: () => 1 };
    const { fleet } = await startFleet({ telemetry, handlers, config: { maxConcurrentWorkers: 2 } });
    const tasks = Array.from({ length: 5 }, (_, n) => ({ id: `${n}`, type: 'a' as const, data: n }));
    await fleet.submitBatch([...tasks, { id: 'b', type: 'b', data: 1 }], { batchId: 'x' });
    await settled();
    const page = await scrape(telemetry);
    expect(page.sum('xstate_fleet_queue_depth', { type: 'a' })).toBe(3);
    expect(page.sum('xstate_fleet_queue_depth', { type: 'b' })).toBe(1);
    expect(page.sum('xstate_fleet_tasks', { state: 'running' })).toBe(2);
    expect(page.sum('xstate_fleet_workers', { state: 'busy' })).toBe(2);
    expect(page.sum('xstate_fleet_batches', { state: 'processing' })).toBe(1);
    hanging.open();
    await fleet.waitForBatch('x');
    expect((await scrape(telemetry)).values.get('xstate_fleet_queue_depth{fleet="test",type="a"}')).toBe(0);
    await fleet.stop();
  });

  it('count attempts that were lost with a process, and go on in the next one', async () => {
    const telemetry = createTelemetry({ prometheus: true });
    const started = await startFleet({ handlers: { work: () => new Promise(() => {}) } });
    await started.fleet.submitAsync('work', 1, { id: 'a' });
    await settled();
    await started.crash();
    const { fleet } = await started.restart({ telemetry, handlers: { work: () => Promise.resolve(1) } });
    await fleet.waitFor('a');
    const page = await scrape(telemetry);
    expect(page.sum('xstate_fleet_attempts_ended_total', { outcome: 'lost' })).toBe(1);
    expect(page.sum('xstate_fleet_recoveries_total')).toBe(1);
    await fleet.stop();
  });

  it('measure the wait of a retry from when it was due, and count how long the store was away', async () => {
    const telemetry = createTelemetry({ prometheus: true });
    const { store, next } = faultyStore(memoryStore());
    const { fleet, clock } = await startFleet({ telemetry, store, handlers: { work: (n: number) => n } });
    await fleet.submit('work', 1);
    next(() => Promise.reject(new StoreError('ERR_STORE_IO', 'gone', 'refused')));
    const done = fleet.submit('work', 2).catch(() => {});
    await settled();
    expect((await scrape(telemetry)).sum('xstate_fleet_ready')).toBe(0);
    await clock.advance(100);
    await settled();
    await done;
    const page = await scrape(telemetry);
    expect(page.sum('xstate_fleet_store_unavailable_seconds_total')).toBeCloseTo(0.1);
    expect(page.sum('xstate_fleet_ready')).toBe(1);
    await fleet.stop();
  });

  it('give the first types a label of their own, and the others one together', async () => {
    const telemetry = createTelemetry({ prometheus: true });
    const types = Array.from({ length: maxTypes + 20 }, (_, n) => `type-${n}`);
    const handlers = Object.fromEntries(types.map((type) => [type, () => 1]));
    const { fleet } = await startFleet({ telemetry, handlers });
    const tasks = types.map((type) => ({ id: type, type, data: null }));
    await fleet.waitForBatch(await fleet.submitBatch(tasks));
    const page = await scrape(telemetry);
    const own = [...page.values.keys()].filter((line) =>
      line.startsWith('xstate_fleet_tasks_submitted_total')
    );
    expect(own).toHaveLength(maxTypes + 1);
    expect(page.sum('xstate_fleet_tasks_submitted_total', { type: 'other' })).toBe(20);
    await fleet.stop();
  });

  it('keep fleets apart by their names, in a registry that has other metrics too', async () => {
    const registry = new Registry();
    const telemetry = createTelemetry({ prometheus: { registry } });
    const handlers = { work: () => 1 };
    const one = await startFleet({ telemetry, name: 'one', handlers });
    const two = await startFleet({ telemetry, name: 'two', handlers });
    await Promise.all([
      one.fleet.submit('work', 1),
      two.fleet.submit('work', 1),
      two.fleet.submit('work', 2)
    ]);
    const page = parseMetrics(await registry.metrics());
    expect(page.sum('xstate_fleet_tasks_submitted_total', { fleet: 'one' })).toBe(1);
    expect(page.sum('xstate_fleet_tasks_submitted_total', { fleet: 'two' })).toBe(2);
    await Promise.all([one.fleet.stop(), two.fleet.stop()]);
  });

  it('can be read as OpenMetrics', async () => {
    const registry = new Registry();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    const telemetry = createTelemetry({ prometheus: { registry } });
    const { fleet } = await startFleet({ telemetry, handlers: { work: () => 1 } });
    await fleet.submit('work', 1);
    const { text, contentType } = (await telemetry.metrics())!;
    expect(contentType).toContain('openmetrics');
    expect(text).toContain('\nxstate_fleet_tasks_submitted_total{fleet="test",type="work"} 1\n');
    await fleet.stop();
  });

  it('are none without being asked for', async () => {
    expect(await createTelemetry().metrics()).toBeNull();
  });
});

describe('metrics of OpenTelemetry', () => {
  it('are the same figures', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 30 });
    const meterProvider = new MeterProvider({ readers: [reader] });
    const telemetry = createTelemetry({ metrics: { meterProvider }, prometheus: true });
    const { fleet } = await ranFleet(telemetry);
    const page = await scrape(telemetry);
    await meterProvider.forceFlush();
    const exported = exporter
      .getMetrics()
      .at(-1)!
      .scopeMetrics.flatMap(({ metrics }) => metrics);
    expect(exported.map(({ descriptor }) => descriptor.name).sort()).toEqual(
      definitions.map(({ name }) => name).sort()
    );
    let compared = 0;
    for (const { descriptor, dataPoints } of exported) {
      const name = prometheusName(definitions.find((definition) => definition.name === descriptor.name)!);
      for (const { attributes, value } of dataPoints) {
        const labels = attributes as Record<string, string>;
        const [suffix, number] = typeof value === 'number' ? ['', value] : ['_count', value.count];
        expect([name, labels, number]).toEqual([name, labels, page.sum(`${name}${suffix}`, labels)]);
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(40);
    await fleet.stop();
    await meterProvider.shutdown();
  });
});

describe('a distribution', () => {
  it('puts a value into the first bucket whose bound is not below it', () => {
    const distribution = new Distribution([1, 2], null);
    for (const value of [-1, 1, 1.5, 2, 3]) distribution.observe(value);
    expect(distribution).toMatchObject({ counts: [2, 2, 1], sum: 7.5, count: 5 });
  });
});

describe('the names of metrics', () => {
  it.each(definitions.map((definition) => [prometheusName(definition), definition] as const))(
    '%s is one of Prometheus, with its unit and without a clash',
    (name, { kind, labels }) => {
      expect(name).toMatch(/^xstate_fleet_[a-z_]+$/);
      expect(name.endsWith('_total')).toBe(kind === 'counter');
      expect(new Set(['fleet', ...labels]).size).toBe(labels.length + 1);
      const names = definitions.flatMap((other) =>
        other.kind === 'histogram'
          ? ['', '_bucket', '_sum', '_count'].map((suffix) => `${prometheusName(other)}${suffix}`)
          : [prometheusName(other)]
      );
      expect(names.filter((other) => other === name)).toHaveLength(1);
    }
  );
});
