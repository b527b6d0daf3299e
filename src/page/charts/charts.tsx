import { useEffect, useRef, useState } from 'preact/hooks';
import type { Frame } from '../../dashboard/frame.ts';
import { compact, words } from '../format.ts';
import { chartNames, type ChartName } from './chartName.ts';
import { chartStateOf, summaryOf, type TakenEdge } from './chartState.ts';
import { Drawing } from './drawing.ts';
import { drawings } from './drawings.ts';

/** The statecharts, one at a time, with what is in their states now. */
export function Charts({
  frame,
  taken,
  taskState = null
}: {
  frame: Frame;
  taken: readonly TakenEdge[];
  /** Of the task that the reader looks at: the chart of tasks is scrolled there. */
  taskState?: string | null;
}) {
  const [shown, setShown] = useState<ChartName>('task');
  // A whole chart may be too small to read.
  const [isWhole, setWhole] = useState(false);
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
        <Chart
          key={shown}
          name={shown}
          isWhole={isWhole}
          focus={shown === 'task' ? taskState : null}
          frame={frame}
          taken={taken}
        />
      </div>
    </section>
  );
}

function Chart({
  name,
  isWhole,
  focus,
  frame,
  taken
}: {
  name: ChartName;
  isWhole: boolean;
  /** Path of the state that is to be in view; `null`: wherever the reader has scrolled to. */
  focus: string | null;
  frame: Frame;
  taken: readonly TakenEdge[];
}) {
  const root = useRef<HTMLDivElement>(null);
  const drawing = useRef<Drawing | null>(null);
  useEffect(() => {
    if (root.current === null) return;
    // A drawing of ours, that was bundled: no data is in it.
    root.current.innerHTML = drawings[name];
    const chart = root.current.querySelector('svg');
    chart?.style.setProperty('--own-width', `${chart.getAttribute('width')}px`);
    drawing.current = new Drawing(root.current);
  }, [name]);
  useEffect(() => {
    const own = taken.filter(({ chart }) => chart === name);
    drawing.current?.show(chartStateOf(frame, name), own);
  }, [name, frame, taken]);
  useEffect(() => {
    const panel = root.current?.parentElement;
    const active = [...(root.current?.querySelectorAll('.active > .box') ?? [])];
    if (isWhole || panel == null || active.length === 0) return;
    bringIntoView(panel, active);
  }, [name, isWhole]);
  useEffect(() => {
    const panel = root.current?.parentElement;
    const state =
      focus === null ? null : root.current?.querySelector(`[data-state="${CSS.escape(focus)}"] > .box`);
    if (!isWhole && panel != null && state != null) bringIntoView(panel, [state]);
  }, [name, isWhole, focus]);
  return <div ref={root} class={isWhole ? 'drawing whole' : 'drawing'} />;
}

/** Scrolls as far as it takes to have the middle of `boxes` in the middle. Not at all where all of them are in view. */
function bringIntoView(panel: HTMLElement, boxes: readonly Element[]): void {
  const outer = panel.getBoundingClientRect();
  const inner = boxes.map((box) => box.getBoundingClientRect());
  const [left, right] = [
    Math.min(...inner.map(({ left }) => left)),
    Math.max(...inner.map(({ right }) => right))
  ];
  const [top, bottom] = [
    Math.min(...inner.map(({ top }) => top)),
    Math.max(...inner.map(({ bottom }) => bottom))
  ];
  if (left < outer.left || right > outer.right)
    panel.scrollLeft += (left + right - outer.left - outer.right) / 2;
  if (top < outer.top || bottom > outer.bottom)
    panel.scrollTop += (top + bottom - outer.top - outer.bottom) / 2;
}

function textOf(summary: number | string): string {
  return typeof summary === 'number' ? compact(summary) : words(summary);
}
