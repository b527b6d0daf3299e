import type { ComponentChildren } from 'preact';
import type { Frame } from '../../dashboard/frame.ts';
import { findingsOf } from '../findings.ts';
import { compact, count, rate, words } from '../format.ts';
import { Findings } from './findings.tsx';
import { ThemeToggle } from './themeToggle.tsx';

/** The header: whose page it is, the numbers that matter most, and what the fleet does or waits for. */
export function Overview({
  frame,
  rates,
  children
}: {
  frame: Frame;
  rates: { readonly transitions: number; readonly completed: number } | null;
  children?: ComponentChildren;
}) {
  const { tasks, totals } = frame;
  const operation = frame.active.fleet?.find((path) => path.startsWith('operation.'));
  return (
    <header>
      <div class="title">
        <h1>
          <bdi>{frame.name.slice(0, 200)}</bdi>
        </h1>
        {operation !== undefined && (
          <span class={`tag state-${words(operation)}`} data-testid="operation">
            {words(operation)}
          </span>
        )}
        {children}
        <ThemeToggle />
      </div>
      <dl class="figures">
        <Figure name="queued" value={tasks.queued} />
        <Figure name="running" value={tasks.running + tasks.dispatched} kind="now" />
        <Figure
          name="backing off"
          value={tasks.backingOff}
          kind={tasks.backingOff > 0 ? 'warn' : undefined}
        />
        {tasks.blocked + tasks.scheduled > 0 && (
          <Figure name="blocked, scheduled" value={tasks.blocked + tasks.scheduled} />
        )}
        <Figure name="completed" value={tasks.completed} kind="good" />
        <Figure
          name="failed"
          value={tasks.failed + tasks.timedOut}
          kind={tasks.failed + tasks.timedOut > 0 ? 'bad' : undefined}
        />
        {tasks.cancelled > 0 && <Figure name="cancelled" value={tasks.cancelled} />}
        <Figure name="retried" value={totals.retriedAttempts} />
        {rates !== null && (
          <div class="figure">
            <dt>completed a second</dt>
            <dd>{rate(rates.completed)}</dd>
          </div>
        )}
        <div class="figure">
          <dt>turn</dt>
          <dd>{count(frame.turn)}</dd>
        </div>
      </dl>
      <Findings findings={findingsOf(frame, rates?.completed ?? null)} />
    </header>
  );
}

function Figure({ name, value, kind }: { name: string; value: number; kind?: string | undefined }) {
  return (
    <div class={kind === undefined ? 'figure' : `figure ${kind}`} title={count(value)}>
      <dt>{name}</dt>
      <dd>{value > 9_999_999 ? compact(value) : count(value)}</dd>
    </div>
  );
}
