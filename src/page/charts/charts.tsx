import { useEffect, useRef, useState } from 'preact/hooks';
import type { Frame } from '../../dashboard/frame.ts';
import { compact, words } from '../format.ts';
import { chartStateOf, summaryOf, type TakenEdge } from './chartState.ts';
import { Drawing } from './drawing.ts';
import { chartNames, drawings, type ChartName } from './drawings.ts';

/** The statecharts, one at a time, with what is in their states now. */
export function Charts({ frame, taken }: { frame: Frame; taken: readonly TakenEdge[] }) {
  const [shown, setShown] = useState<ChartName>('task');
  // On a phone, a whole chart would be too small to read.
  const [isWhole, setWhole] = useState(() => !matchMedia('(max-width: 600px)').matches);
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
      <div class="tabs">
        <div class="tablist" role="tablist" aria-label="Statecharts" onKeyDown={onKeyDown}>
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
        <button type="button" class="action zoom" onClick={() => setWhole(!isWhole)}>
          {isWhole ? 'Enlarge' : 'Show all'}
        </button>
      </div>
      <div id="chart" class="chart-panel" role="tabpanel" tabIndex={0} aria-labelledby={`tab-${shown}`}>
        <Chart key={shown} name={shown} isWhole={isWhole} frame={frame} taken={taken} />
      </div>
    </section>
  );
}

function Chart({
  name,
  isWhole,
  frame,
  taken
}: {
  name: ChartName;
  isWhole: boolean;
  frame: Frame;
  taken: readonly TakenEdge[];
}) {
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
  useEffect(() => {
    const panel = root.current?.parentElement;
    const active = root.current?.querySelector('.active > .box');
    if (isWhole || panel == null || active == null) return;
    const [outer, inner] = [panel.getBoundingClientRect(), active.getBoundingClientRect()];
    panel.scrollBy(
      inner.x + inner.width / 2 - outer.x - outer.width / 2,
      inner.y - outer.y - outer.height / 3
    );
  }, [name, isWhole]);
  return <div ref={root} class={isWhole ? 'drawing whole' : 'drawing'} />;
}

function textOf(summary: number | string): string {
  return typeof summary === 'number' ? compact(summary) : words(summary);
}
