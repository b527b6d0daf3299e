import { useEffect, useState } from 'preact/hooks';
import type { TaskStatus } from '../../../machines/task.ts';
import type { TaskView } from '../../fleet/views.ts';
import { dateTime, duration, words } from '../format.ts';
import { ActionButton } from '../views/actionButton.tsx';
import { Name } from '../views/name.tsx';
import type { FleetActions } from './fleetActions.ts';
import { messageOf, type FleetClient } from './fleetClient.ts';
import { routeOf } from './routes.ts';

/** What `GET /api/tasks/:id` tells, as far as it is shown. */
interface TaskAnswer {
  readonly view: Omit<TaskView, 'data' | 'metadata'>;
  readonly snapshot: {
    readonly context?: { readonly failures?: number; readonly recoveries?: number };
  } | null;
}

/** A step of the task that was seen while the panel was open. */
interface Sighting {
  readonly at: number;
  readonly status: TaskStatus;
  readonly attempts: number;
}

/** One task: where it is, what it has been through, and why. Read anew as the fleet goes on. */
export function TaskPanel({
  taskKey,
  client,
  actions,
  tick,
  onClose
}: {
  taskKey: string;
  client: FleetClient;
  actions: FleetActions;
  /** Changes when the task is to be read anew. */
  tick: number;
  onClose: () => void;
}) {
  const [answer, setAnswer] = useState<TaskAnswer | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [seen, setSeen] = useState<readonly Sighting[]>([]);

  useEffect(() => {
    let isCurrent = true;
    client.get(routeOf('tasks', taskKey)).then(
      (answer) => {
        if (!isCurrent) return;
        const task = answer as TaskAnswer;
        setAnswer(task);
        setProblem(null);
        setSeen((seen) => withSighting(seen, task.view));
      },
      (error: unknown) => {
        if (isCurrent) setProblem(messageOf(error));
      }
    );
    return () => {
      isCurrent = false;
    };
  }, [taskKey, client, tick]);

  return (
    <section class="panel task" aria-labelledby="task-title" aria-live="polite">
      <h2 id="task-title">
        Task <Name text={taskKey} />
        <button type="button" class="action close" onClick={onClose}>
          Close
        </button>
      </h2>
      {problem !== null && (
        <p class="bad-text" role="alert">
          {problem}
        </p>
      )}
      {answer !== null && (
        <>
          <TaskFacts answer={answer} />
          <ol class="life">
            {seen.map(({ at, status, attempts }) => (
              <li key={at}>
                <time>{dateTime(at)}</time> {words(status)}{' '}
                <small>{attempts > 0 && `attempt ${attempts}`}</small>
              </li>
            ))}
          </ol>
          <p class="muted">
            These are the states seen since this panel was opened: a fleet keeps no history. A recording has
            all of them, with why each was entered.
          </p>
          <p class="row-actions">
            {isSettled(answer.view.status) ? (
              <ActionButton label="Retry" of={taskKey} action={() => actions.retryTask(taskKey)} />
            ) : (
              <ActionButton
                label="Cancel"
                of={taskKey}
                isDangerous
                action={() => actions.cancelTask(taskKey)}
              />
            )}
          </p>
        </>
      )}
    </section>
  );
}

function TaskFacts({ answer: { view, snapshot } }: { answer: TaskAnswer }) {
  const { failures = 0, recoveries = 0 } = snapshot?.context ?? {};
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['type', view.type],
    ['state', words(view.status)],
    ['attempts', `${view.attempts}: ${failures} failed, ${recoveries} lost with their worker`],
    ['submitted', dateTime(view.createdAt)],
    ['last attempt', view.startedAt === undefined ? undefined : dateTime(view.startedAt)],
    ['due', view.dueAt === undefined ? undefined : dateTime(view.dueAt)],
    [
      'settled',
      view.settledAt === undefined
        ? undefined
        : `${dateTime(view.settledAt)}, ${duration(view.settledAt - view.createdAt)} after it was submitted`
    ],
    ['worker', view.workerId ?? undefined],
    ['depends on', view.dependsOn?.join(', ')],
    ['a copy of', view.retryOf],
    ['last error', view.error]
  ];
  return (
    <dl class="facts">
      {facts.map(
        ([name, text]) =>
          text !== undefined && (
            <div key={name}>
              <dt>{name}</dt>
              <dd>
                <bdi>{text.slice(0, 2_000)}</bdi>
              </dd>
            </div>
          )
      )}
    </dl>
  );
}

/** At most 50, the last one's changes only. */
function withSighting(
  seen: readonly Sighting[],
  { status, attempts }: TaskAnswer['view']
): readonly Sighting[] {
  const last = seen.at(-1);
  if (last?.status === status && last.attempts === attempts) return seen;
  return [...seen.slice(-49), { at: Date.now(), status, attempts }];
}

function isSettled(status: TaskStatus): boolean {
  return status === 'completed' || status === 'failed' || status === 'timedOut' || status === 'cancelled';
}
