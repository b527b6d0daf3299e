import type { FrameWorker } from '../../dashboard/frame.ts';
import { compact, words } from '../format.ts';
import { Name } from './name.tsx';
import { TaskKey } from './taskKey.tsx';

export function Workers({ workers }: { workers: readonly FrameWorker[] }) {
  return (
    <section class="panel" aria-labelledby="workers-title">
      <h2 id="workers-title">
        Workers <small>{workers.length}</small>
      </h2>
      <div class="scroll" tabIndex={0} role="region" aria-labelledby="workers-title">
        {workers.length === 0 && <p class="empty">No worker</p>}
        <ul class="cells">
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
        <span>{compact(completed)} done</span>
        {failed > 0 && <span class="bad-text">{compact(failed)} failed</span>}
        {tags.length > 0 && <Name text={tags.join(' ')} />}
        {types.length > 0 && <Name text={types.join(' ')} />}
        {problem !== undefined && <span class="bad-text">{problem}</span>}
      </div>
    </li>
  );
}
