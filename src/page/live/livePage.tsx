import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Frame } from '../../dashboard/frame.ts';
import type { TakenEdge } from '../charts/chartState.ts';
import { Charts } from '../charts/charts.tsx';
import { EdgeRates } from '../charts/edgeRates.ts';
import { FrameHistory } from '../history.ts';
import { ActionButton } from '../views/actionButton.tsx';
import { Batches } from '../views/batches.tsx';
import { Failures } from '../views/failures.tsx';
import { Overview } from '../views/overview.tsx';
import { Plots } from '../views/plots.tsx';
import { Workers } from '../views/workers.tsx';
import { DialogHost } from './dialogHost.tsx';
import { Dialogs, type OpenQuestion } from './dialogs.ts';
import { fleetActions, type FleetActions, type Notice } from './fleetActions.ts';
import { FleetClient } from './fleetClient.ts';
import { FrameFeed, type Connection } from './frameFeed.ts';
import { TaskPanel } from './taskPanel.tsx';

interface Shown {
  readonly frame: Frame;
  readonly taken: readonly TakenEdge[];
}

/** A running fleet. */
export function LivePage() {
  const [shown, setShown] = useState<Shown | null>(null);
  const [connection, setConnection] = useState<Connection>('connecting');
  const [question, setQuestion] = useState<OpenQuestion | null>(null);
  const [notices, setNotices] = useState<readonly Notice[]>([]);
  const [taskKey, setTaskKey] = useState<string | null>(null);
  const { history, edges } = useMemo(() => ({ history: new FrameHistory(), edges: new EdgeRates() }), []);
  const lastNotice = useRef(0);

  const { client, actions } = useMemo(() => {
    const dialogs = new Dialogs(setQuestion);
    const client = new FleetClient((problem) =>
      dialogs.ask({
        title: 'This fleet wants its token',
        text: problem ?? 'The program that runs the fleet has printed it, or was given it.',
        confirm: 'Go on',
        isDangerous: false,
        isSecret: true
      })
    );
    const tell = (text: string, isError: boolean) => {
      lastNotice.current += 1;
      const id = lastNotice.current;
      setNotices((notices) => [...notices.slice(-3), { id, text, isError }]);
      setTimeout(() => setNotices((notices) => notices.filter((notice) => notice.id !== id)), 8_000);
    };
    return { client, actions: fleetActions(client, dialogs, tell) };
  }, []);

  useEffect(() => {
    new FrameFeed({
      onFrame: (frame) => {
        history.add(frame);
        setShown({ frame, taken: edges.add(frame) });
      },
      onConnection: setConnection,
      onRefused: () => client.get('/api/batches?limit=1')
    }).open();
  }, [client, history, edges]);

  useEffect(() => {
    if (shown !== null) document.title = `${shown.frame.name.slice(0, 100)} · xstate-fleet`;
  }, [shown?.frame.name]);

  return (
    <>
      {shown === null ? (
        <p class="waiting" role="status">
          {connection === 'reconnecting'
            ? 'The fleet cannot be reached. Trying again.'
            : 'Waiting for the fleet.'}
        </p>
      ) : (
        <>
          <Overview frame={shown.frame} rates={history.rates}>
            <span class={`connection ${connection}`} role="status">
              {connection}
            </span>
            <FleetControls frame={shown.frame} actions={actions} onFind={setTaskKey} />
          </Overview>
          <main class={connection === 'live' ? undefined : 'stale'}>
            {taskKey !== null && (
              <TaskPanel
                key={taskKey}
                taskKey={taskKey}
                client={client}
                actions={actions}
                tick={history.version}
                onClose={() => setTaskKey(null)}
              />
            )}
            <Charts frame={shown.frame} taken={shown.taken} />
            <div class="lists">
              <Failures failures={shown.frame.failures} actions={actions} onOpen={setTaskKey} />
              <Batches batches={shown.frame.batches} actions={actions} />
            </div>
            <Plots history={history} version={history.version} />
            <Workers workers={shown.frame.workers} lost={shown.frame.lostWorkers} />
          </main>
        </>
      )}
      <div class="notices">
        {notices.map(({ id, text, isError }) => (
          <p key={id} class={isError ? 'notice bad-text' : 'notice'} role={isError ? 'alert' : 'status'}>
            {text}
          </p>
        ))}
      </div>
      <DialogHost open={question} />
    </>
  );
}

function FleetControls({
  frame,
  actions,
  onFind
}: {
  frame: Frame;
  actions: FleetActions;
  onFind: (key: string) => void;
}) {
  const workers = useRef<HTMLInputElement>(null);
  const key = useRef<HTMLInputElement>(null);
  const find = (event: SubmitEvent) => {
    event.preventDefault();
    const wanted = key.current?.value.trim() ?? '';
    if (wanted !== '') onFind(wanted);
  };
  const scale = async () => {
    const count = workers.current?.valueAsNumber ?? Number.NaN;
    if (Number.isInteger(count)) await actions.scaleWorkers(count);
  };
  return (
    <>
      <form class="find" role="search" onSubmit={find}>
        <input ref={key} type="search" placeholder="batch/task" aria-label="Key of a task" />
        <button type="submit" class="action">
          Find task
        </button>
      </form>
      <span class="controls">
        {frame.maxWorkers !== null && (
          <>
            <label>
              workers
              <input
                ref={workers}
                type="number"
                min={0}
                max={1_000}
                step={1}
                defaultValue={String(frame.maxWorkers)}
              />
            </label>
            <ActionButton label="Scale" action={scale} />
          </>
        )}
        {frame.isPaused ? (
          <ActionButton label="Resume" of="the fleet" action={actions.resumeFleet} />
        ) : (
          <ActionButton label="Pause" of="the fleet" action={actions.pauseFleet} />
        )}
      </span>
    </>
  );
}
