import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Recording } from '../../recording/recording.ts';
import type { TakenEdge } from '../charts/chartState.ts';
import { Charts } from '../charts/charts.tsx';
import { count, dateTime, duration, plural } from '../format.ts';
import { Batches } from '../views/batches.tsx';
import { Failures } from '../views/failures.tsx';
import { Overview } from '../views/overview.tsx';
import { Plot } from '../views/plot.tsx';
import { Workers } from '../views/workers.tsx';
import { KeyHelp } from './keyHelp.tsx';
import { LifePanel } from './lifePanel.tsx';
import { advance, positionAt, speeds, type Position } from './playback.ts';
import { Replay } from './replay.ts';
import { endingText, sessionStarts, sessionText } from './sessions.ts';
import { marksOf, nextMark, timelineOf, turnsBy, type Mark } from './timeline.ts';
import { useKeys } from './useKeys.ts';

/** Turns whose transitions glow at most, when some are passed between two drawings; after a longer jump, those of one. */
const glowingTurns = 20;

/** A recording, at any of its turns. */
export function ReplayPage({ recording }: { recording: Recording }) {
  const replay = useMemo(() => new Replay(recording), [recording]);
  const timeline = useMemo(() => timelineOf(recording), [recording]);
  const marks = useMemo(() => marksOf(recording), [recording]);
  const starts = useMemo(() => sessionStarts(recording), [recording]);
  const search = useRef<HTMLInputElement>(null);
  const [isHelping, setHelping] = useState(false);
  const [position, setPosition] = useState<Position>(() =>
    positionAt(recording, recording.turns.length > 0 ? 1 : 0)
  );
  const [isPlaying, setPlaying] = useState(false);
  const [speed, setSpeed] = useState<number>(1);
  const [task, setTask] = useState<number | null>(null);
  const frame = useMemo(() => replay.frameAt(position.turns), [replay, position.turns]);
  const taken = useTaken(recording, position.turns);
  usePlayback(recording, isPlaying, speed, setPosition, () => setPlaying(false));

  const all = recording.turns.length;
  const goTo = (turns: number | null) => {
    if (turns === null) return;
    setPlaying(false);
    setPosition(positionAt(recording, turns));
  };
  const goToMark = (marks: readonly Mark[], back: boolean) => {
    const mark = nextMark(marks, { turns: position.turns, task }, back);
    if (mark === null) return;
    goTo(mark.turns);
    setTask(mark.task);
  };
  const play = () => {
    if (position.turns === all) setPosition(positionAt(recording, 0));
    setPlaying((isPlaying) => !isPlaying);
  };
  const jumps = {
    start: () => goTo(0),
    back: () => goTo(position.turns - 1),
    forward: () => goTo(position.turns + 1),
    end: () => goTo(all),
    failure: (back: boolean) => goToMark(marks.failures, back),
    retry: (back: boolean) => goToMark(marks.retries, back),
    session: (back: boolean) =>
      goTo(
        (back
          ? starts.findLast((start) => start < position.turns)
          : starts.find((start) => start > position.turns)) ?? null
      )
  };
  useKeys({
    ' ': play,
    ArrowLeft: jumps.back,
    ArrowRight: jumps.forward,
    Home: jumps.start,
    End: jumps.end,
    f: () => jumps.failure(false),
    F: () => jumps.failure(true),
    r: () => jumps.retry(false),
    R: () => jumps.retry(true),
    s: () => jumps.session(false),
    S: () => jumps.session(true),
    '/': () => search.current?.focus(),
    '?': () => setHelping(true)
  });
  useEffect(() => {
    document.title = `${recording.name.slice(0, 100)} · replay`;
  }, [recording.name]);

  const ending = endingText(recording);
  const session = sessionText(recording, position.turns);

  return (
    <>
      <Overview frame={frame} rates={null}>
        <span class="connection replay">replay</span>
      </Overview>
      <section class="player" aria-label="Replay">
        <div class="player-buttons">
          <Jump label="|◀" name="To the start (Home)" go={jumps.start} />
          <Jump label="◀" name="A turn back (←)" go={jumps.back} />
          <button type="button" class="action primary play" aria-keyshortcuts="Space" onClick={play}>
            {isPlaying ? 'Pause' : 'Play'}
          </button>
          <Jump label="▶" name="A turn on (→)" go={jumps.forward} />
          <Jump label="▶|" name="To the end (End)" go={jumps.end} />
          <label>
            <span class="hidden">Speed</span>
            <select
              value={String(speed)}
              onChange={({ currentTarget }) => setSpeed(Number(currentTarget.value))}
            >
              {speeds.map((speed) => (
                <option key={speed} value={String(speed)}>
                  {speed}×
                </option>
              ))}
            </select>
          </label>
          <Jump
            label={`Next failure (${count(marks.failures.length)})`}
            name="Next failure (F)"
            isIdle={marks.failures.length === 0}
            go={() => jumps.failure(false)}
          />
          <Jump
            label={`Next retry (${count(marks.retries.length)})`}
            name="Next retry, and why (R)"
            isIdle={marks.retries.length === 0}
            go={() => jumps.retry(false)}
          />
          {starts.length > 0 && (
            <Jump
              label={`Next process (${count(starts.length)})`}
              name="The start of the next process (S)"
              go={() => jumps.session(false)}
            />
          )}
          <Jump label="Keys" name="Keys (?)" go={() => setHelping(true)} />
          <span class="player-time" data-testid="position">
            {count(position.turns)} of {plural(all, 'turn')} · {dateTime(frame.at)} · +
            {duration(Math.max(0, frame.at - recording.startedAt))}
            {session !== null && ` · ${session}`}
          </span>
        </div>
        <input
          type="range"
          min={0}
          max={all}
          value={String(position.turns)}
          aria-label="Turn"
          aria-valuetext={`turn ${position.turns} of ${all}`}
          onInput={({ currentTarget }) => goTo(Number(currentTarget.value))}
        />
        {recording.omittedSteps > 0 && (
          <p class="warn-text">
            {plural(recording.omittedSteps, 'step')} of this run are not in this page: `replay --max-steps`
            has more of them.
          </p>
        )}
        {ending !== null && <p class="warn-text">{ending}</p>}
        <Inputs recording={recording} turns={position.turns} />
      </section>
      <main>
        <Charts frame={frame} taken={taken} taskState={task === null ? null : replay.stateOf(task)} />
        <section class="panel plots" aria-label="The whole recording">
          <LifePanel
            recording={recording}
            task={task}
            turns={position.turns}
            search={search}
            onTask={setTask}
            onTurns={goTo}
          />
          <Plot
            title="Tasks"
            at={timeline.at}
            version={0}
            cursor={frame.at / 1_000}
            onPick={(at) => goTo(turnsBy(recording.turns, at * 1_000))}
            lines={[
              { name: 'waiting', color: 'warn', values: timeline.waiting },
              { name: 'running', color: 'now', values: timeline.running }
            ]}
          />
          <Plot
            title="Settled"
            at={timeline.at}
            version={0}
            cursor={frame.at / 1_000}
            onPick={(at) => goTo(turnsBy(recording.turns, at * 1_000))}
            lines={[
              { name: 'completed', color: 'good', values: timeline.completed },
              { name: 'failed', color: 'bad', values: timeline.failed }
            ]}
          />
        </section>
        <Batches batches={frame.batches} actions={null} />
        <Failures
          failures={frame.failures}
          actions={null}
          onOpen={(key) => setTask(recording.tasks.findIndex((task) => task.key === key))}
        />
        <Workers workers={frame.workers} />
      </main>
      {isHelping && <KeyHelp onClose={() => setHelping(false)} />}
    </>
  );
}

function Jump({
  label,
  name,
  isIdle = false,
  go
}: {
  label: string;
  name: string;
  /** There is nothing to go to. */
  isIdle?: boolean;
  go: () => void;
}) {
  return (
    <button type="button" class="action" title={name} aria-label={name} disabled={isIdle} onClick={go}>
      {label}
    </button>
  );
}

/** What came in, in the turn that was taken last. */
function Inputs({ recording, turns }: { recording: Recording; turns: number }) {
  const turn = recording.turns[turns - 1];
  if (turn === undefined) return <p class="inputs">before the first turn</p>;
  const inputs = Object.entries(turn.inputs).map(([type, times]) =>
    times === 1 ? type : `${type} × ${times}`
  );
  return (
    <p class="inputs">
      {inputs.length === 0 ? 'nothing came in' : inputs.join(', ')} → {plural(turn.steps.length, 'step')},
      committed in {duration(turn.commitMs)}
    </p>
  );
}

/** The transitions between the turns that were shown last and those shown now. */
function useTaken(recording: Recording, turns: number): readonly TakenEdge[] {
  const before = useRef(turns);
  return useMemo(() => {
    const passed = turns - before.current;
    const from = passed > 0 && passed <= glowingTurns ? before.current : turns - 1;
    before.current = turns;
    const taken = new Map<string, TakenEdge>();
    for (const { steps } of recording.turns.slice(Math.max(0, from), turns)) {
      for (const { machine: chart, from: source, to: target, event } of steps) {
        if (source !== null)
          taken.set(`${chart} ${source} ${target} ${event ?? ''}`, {
            chart,
            source,
            target,
            event,
            perSecond: null
          });
      }
    }
    return [...taken.values()];
  }, [recording, turns]);
}

function usePlayback(
  recording: Recording,
  isPlaying: boolean,
  speed: number,
  setPosition: (change: (position: Position) => Position) => void,
  onEnd: () => void
): void {
  useEffect(() => {
    if (!isPlaying) return;
    let last = performance.now();
    let request = requestAnimationFrame(function step(now) {
      const elapsed = now - last;
      last = now;
      setPosition((position) => {
        const next = advance(recording, position, elapsed, speed);
        if (next.turns === recording.turns.length) onEnd();
        return next;
      });
      request = requestAnimationFrame(step);
    });
    return () => cancelAnimationFrame(request);
  }, [recording, isPlaying, speed]);
}
