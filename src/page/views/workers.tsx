import type { FrameLostWorker, FrameWorker } from '../../dashboard/frame.ts';
import { clockTime, compact, words } from '../format.ts';
import { Name } from './name.tsx';
import { TaskKey } from './taskKey.tsx';

/** @param props.lost - Those that are not there any more and should be, newest first: shown before the others. */
export function Workers({
  workers,
  lost = []
}: {
  workers: readonly FrameWorker[];
  lost?: readonly FrameLostWorker[] | undefined;
}) {
  return (
    <section class="panel" aria-labelledby="workers-title">
      <h2 id="workers-title">
        Workers <small>{workers.length}</small>
      </h2>
      <div class="scroll" tabIndex={0} role="region" aria-labelledby="workers-title">
        {workers.length === 0 && <p class="empty">No worker</p>}
        <ul class="cells">
          {lost.map((worker) => (
            <LostWorker key={`${worker.id} ${worker.at}`} worker={worker} />
          ))}
          {workers.map((worker) => (
            <Worker key={worker.id} worker={worker} />
          ))}
        </ul>
      </div>
    </section>
  );
}

function Worker({ worker }: { worker: FrameWorker }) {
  const { id, state, taskIds, tags, types = [], problem, completed, failed } = worker;
  return (
    <li class="cell">
      <div class="row-title">
        <Name text={id} />
        <span class={`tag state-${state}`}>{words(state)}</span>
      </div>
      <div class="cell-task">
        {taskIds.length === 0 && <span class="none">–</span>}
        {taskIds.length === 1 && taskIds.map((key) => <TaskKey key={key} text={key} />)}
        {taskIds.length > 1 && <Name text={taskIds.join(', ')} />}
      </div>
      <div class="row-facts">
        <Work completed={completed} failed={failed} tags={tags} />
        {types.length > 0 && <Name text={types.join(' ')} />}
      </div>
      {problem !== undefined && <Problem text={problem} />}
    </li>
  );
}

function LostWorker({ worker }: { worker: FrameLostWorker }) {
  const { id, problem, tags, completed, failed, at } = worker;
  return (
    <li class="cell">
      <div class="row-title">
        <Name text={id} />
        <span class="tag state-lost">lost</span>
      </div>
      <Problem text={problem} />
      <div class="row-facts">
        <Work completed={completed} failed={failed} tags={tags} />
        <span>{clockTime(at)}</span>
      </div>
    </li>
  );
}

function Work({ completed, failed, tags }: Pick<FrameWorker, 'completed' | 'failed' | 'tags'>) {
  return (
    <>
      <span>{compact(completed)} done</span>
      {failed > 0 && <span class="bad-text">{compact(failed)} failed</span>}
      {tags.length > 0 && <Name text={tags.join(' ')} />}
    </>
  );
}

/** Why it does nothing: read as a whole, as far as it is of a usual length. */
function Problem({ text }: { text: string }) {
  return (
    <p class="cell-problem" title={text.slice(0, 1_000)}>
      <bdi>{text.slice(0, 500)}</bdi>
    </p>
  );
}
