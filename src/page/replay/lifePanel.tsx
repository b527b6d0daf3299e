import type { RefObject } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Recording } from '../../recording/recording.ts';
import { dateTime } from '../format.ts';
import { Name } from '../views/name.tsx';
import { TaskKey } from '../views/taskKey.tsx';
import { findTasks, lifeOf, stepTitle } from './life.ts';

/** One task's life: found by its key, with every step that was recorded, and why it was taken. */
export function LifePanel({
  recording,
  task,
  turns,
  search,
  onTask,
  onTurns
}: {
  recording: Recording;
  task: number | null;
  turns: number;
  search: RefObject<HTMLInputElement | null>;
  onTask: (task: number | null) => void;
  onTurns: (turns: number) => void;
}) {
  const [wanted, setWanted] = useState('');
  const found = useMemo(() => findTasks(recording, wanted, 8), [recording, wanted]);
  const life = useMemo(() => (task === null ? [] : lifeOf(recording, task)), [recording, task]);
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    const step = list.current?.querySelector<HTMLElement>('.current');
    if (list.current === null || step == null) return;
    list.current.scrollTop = step.offsetTop - list.current.clientHeight / 2;
  }, [task, turns]);
  const shown = task === null ? undefined : recording.tasks[task];
  return (
    <section class="life-panel" aria-label="The life of a task">
      <input
        ref={search}
        type="search"
        value={wanted}
        placeholder="The life of a task: search by key"
        aria-label="Search a task by its key"
        onInput={({ currentTarget }) => setWanted(currentTarget.value)}
      />
      {found.length > 0 && (
        <ul class="found">
          {found.map((number) => (
            <li key={number}>
              <button
                type="button"
                class="link"
                aria-label={recording.tasks[number]?.key.slice(0, 500)}
                onClick={() => {
                  onTask(number);
                  setWanted('');
                }}
              >
                <TaskKey text={recording.tasks[number]?.key ?? ''} />
              </button>
            </li>
          ))}
        </ul>
      )}
      {shown !== undefined && (
        <>
          <h3>
            <TaskKey text={shown.key} />{' '}
            <small>
              <Name text={shown.type} />
            </small>
            <button type="button" class="action close" onClick={() => onTask(null)}>
              Close
            </button>
          </h3>
          <ol ref={list} class="life">
            {life.map((step, number) => (
              <li
                key={number}
                class={step.turns === turns ? 'current' : step.turns < turns ? undefined : 'later'}
                aria-current={step.turns === turns ? 'step' : undefined}
              >
                <button type="button" class="link" onClick={() => onTurns(step.turns)}>
                  <time>{dateTime(step.at).slice(11)}</time>
                </button>{' '}
                <span class={`tag state-${step.to}`}>{stepTitle(step)}</span> <Name text={step.why} />
              </li>
            ))}
          </ol>
        </>
      )}
    </section>
  );
}
