import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { clockTime, compact, rate } from '../format.ts';
import { themeChanged } from './themeToggle.tsx';

export interface Line {
  readonly name: string;
  /** Name of a CSS variable. */
  readonly color: string;
  readonly values: readonly (number | null)[];
}

export interface PlotProps {
  readonly title: string;
  readonly unit?: string;
  /** Epoch seconds, rising. */
  readonly at: readonly number[];
  readonly lines: readonly Line[];
  /** Changes when what is to be drawn has changed. */
  readonly version: number;
  /** A line down the plot, epoch seconds. */
  readonly cursor?: number;
  /** Told where the plot was clicked, epoch seconds. */
  readonly onPick?: (at: number) => void;
}

/** px, as in the style sheet. */
const height = 132;

/** Lines over time. Drawn anew only when `version` or the colours have changed. */
export function Plot(props: PlotProps) {
  const root = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;

  useEffect(() => {
    const element = root.current;
    if (element === null) return;
    const make = () => {
      plot.current?.destroy();
      plot.current = new uPlot(optionsFor(element, latest), dataOf(latest.current), element);
    };
    make();
    const watcher = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    watcher.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    addEventListener(themeChanged, make);
    scheme.addEventListener('change', make);
    return () => {
      watcher.disconnect();
      removeEventListener(themeChanged, make);
      scheme.removeEventListener('change', make);
      plot.current?.destroy();
      plot.current = null;
    };
  }, []);
  useEffect(() => {
    plot.current?.setData(dataOf(latest.current));
  }, [props.version]);
  useEffect(() => {
    if (props.cursor !== undefined) plot.current?.redraw(false);
  }, [props.cursor]);

  const last = (values: readonly (number | null)[]) => {
    const value = values.at(-1);
    return value == null ? '–' : rate(value);
  };
  return (
    <figure class="plot">
      <figcaption>
        <strong>
          {props.title}
          {props.unit !== undefined && `, ${props.unit}`}
        </strong>
        {props.lines.map(({ name, color, values }) => (
          <span key={name} class={`legend ${color}`}>
            {name} {props.cursor === undefined && <b>{last(values)}</b>}
          </span>
        ))}
      </figcaption>
      <div ref={root} class="canvas" role="img" aria-label={`${props.title} over time`} />
    </figure>
  );
}

function dataOf({ at, lines }: PlotProps): uPlot.AlignedData {
  return [[...at], ...lines.map(({ values }) => [...values])];
}

function optionsFor(element: HTMLElement, latest: { readonly current: PlotProps }): uPlot.Options {
  const muted = colorOf(element, 'muted');
  const axis = {
    stroke: muted,
    grid: { stroke: colorOf(element, 'line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif'
  };
  return {
    width: element.clientWidth,
    height,
    legend: { show: false },
    cursor: {
      x: latest.current.onPick !== undefined,
      y: false,
      points: { show: false },
      drag: { x: false, y: false }
    },
    scales: { y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.1)] } },
    axes: [
      {
        ...axis,
        size: 22,
        space: 70,
        // One point spans no time.
        values: ({ data: [at] }, times) => times.map((time) => (at.length < 2 ? '' : clockTime(time * 1_000)))
      },
      {
        ...axis,
        size: 44,
        space: 28,
        values: (_plot, values) => values.map((value) => (value < 10 ? String(value) : compact(value)))
      }
    ],
    series: [
      {},
      ...latest.current.lines.map(({ color }) => ({
        stroke: colorOf(element, color),
        width: 1.5,
        points: { show: false }
      }))
    ],
    hooks: {
      draw: [(plot) => drawCursor(plot, latest.current.cursor, colorOf(element, 'text'))],
      ready: [
        (plot) =>
          plot.over.addEventListener('click', ({ offsetX }) =>
            latest.current.onPick?.(plot.posToVal(offsetX, 'x'))
          )
      ]
    }
  };
}

function drawCursor(plot: uPlot, at: number | undefined, color: string): void {
  if (at === undefined) return;
  const x = Math.round(plot.valToPos(at, 'x', true));
  const { top, height } = plot.bbox;
  plot.ctx.fillStyle = color;
  plot.ctx.fillRect(x, top, Math.max(1, devicePixelRatio), height);
}

/** A canvas knows no variables: the browser is asked what they come to. */
function colorOf(element: HTMLElement, name: string): string {
  const probe = document.createElement('span');
  probe.className = name;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
