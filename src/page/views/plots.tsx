import { useMemo } from 'preact/hooks';
import type { FrameHistory } from '../history.ts';
import { Plot } from './plot.tsx';

/** The last five minutes. */
export function Plots({ history, version }: { history: FrameHistory; version: number }) {
  const series = useMemo(() => history.series, [history, version]);
  const { at } = series;
  return (
    <section class="panel plots wide" aria-labelledby="plots-title">
      <h2 id="plots-title" class="hidden">
        The last five minutes
      </h2>
      <Plot
        title="Per second"
        at={at}
        version={version}
        lines={[
          { name: 'transitions', color: 'violet', values: series.transitions },
          { name: 'completed', color: 'good', values: series.completed }
        ]}
      />
      <Plot
        title="Tasks"
        at={at}
        version={version}
        lines={[
          { name: 'waiting', color: 'warn', values: series.waiting },
          { name: 'running', color: 'now', values: series.running }
        ]}
      />
      <Plot
        title="Attempt"
        unit="ms"
        at={at}
        version={version}
        lines={[
          { name: 'p50', color: 'good', values: series.p50 },
          { name: 'p90', color: 'warn', values: series.p90 },
          { name: 'p99', color: 'bad', values: series.p99 }
        ]}
      />
      <Plot
        title="Commit"
        unit="ms"
        at={at}
        version={version}
        lines={[{ name: 'took', color: 'violet', values: series.commitMs }]}
      />
    </section>
  );
}
