import { useEffect, useRef, useState } from 'preact/hooks';
import type { Frame } from '../../dashboard/frame.ts';
import { compact, words } from '../format.ts';
import { chartStateOf, summaryOf, type TakenEdge } from './chartState.ts';
import { Drawing } from './drawing.ts';
import { chartNames, drawings, type ChartName } from './drawings.ts';

/** The statecharts, one at a time, with what is in their states now. */
export function Charts({ frame, taken }: { frame: Frame; taken: readonly TakenEdge[] }) {
  const [shown, setShown] = useState<ChartName>('task');
  const tabs = useRef(new Map<ChartName, HTMLButtonElement>());
  const move = (by: number) => {
    const next = chartNames.at((chartNames.indexOf(shown) + by) % chartNames.length) ?? 'task';
    setShown(next);
    tabs.current.get(next)?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (by === 0) return;
    event.preventDefault();
    event.stopPropagation();
    move(by);
  };
  return (
    <section class="panel charts" aria-labelledby="charts-title">
      <h2 id="charts-title" class="hidden">
        Statecharts
      </h2>
      <div class="tabs" role="tablist" aria-label="Statecharts" onKeyDown={onKeyDown}>
        {chartNames.map((name) => (
          <button
            key={name}
            ref={(tab) => {
              if (tab !== null) tabs.current.set(name, tab);
            }}
            type="button"
            role="tab"
            id={`tab-${name}`}
            aria-selected={name === shown}
            aria-controls="chart"
            tabIndex={name === shown ? 0 : -1}
            onClick={() => setShown(name)}
          >
            {name}
            <small>{textOf(summaryOf(frame, name))}</small>
          </button>
        ))}
      </div>
      <div id="chart" class="chart-panel" role="tabpanel" aria-labelledby={`tab-${shown}`}>
        <Chart key={shown} name={shown} frame={frame} taken={taken} />
      </div>
    </section>
  );
}

function Chart({ name, frame, taken }: { name: ChartName; frame: Frame; taken: readonly TakenEdge[] }) {
  const root = useRef<HTMLDivElement>(null);
  const drawing = useRef<Drawing | null>(null);
  useEffect(() => {
    if (root.current === null) return;
    // A drawing of ours, that was bundled: no data is in it.
    root.current.innerHTML = drawings[name];
    drawing.current = new Drawing(root.current);
  }, [name]);
  useEffect(() => {
    const own = taken.filter(({ chart }) => chart === name);
    drawing.current?.show(chartStateOf(frame, name), own);
  }, [name, frame, taken]);
  return <div ref={root} class="drawing" />;
}

function textOf(summary: number | string): string {
  return typeof summary === 'number' ? compact(summary) : words(summary);
}
