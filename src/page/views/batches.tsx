import type { BatchStatus } from '../../../machines/batch.ts';
import type { FleetActions } from '../live/fleetActions.ts';
import { compact, count, words } from '../format.ts';
import { ActionButton } from './actionButton.tsx';
import { Name } from './name.tsx';

export function Batches({
  batches,
  actions
}: {
  batches: readonly BatchStatus[];
  actions: FleetActions | null;
}) {
  return (
    <section class="panel" aria-labelledby="batches-title">
      <h2 id="batches-title">
        Batches <small>{batches.length > 0 && `the latest ${batches.length}`}</small>
      </h2>
      <div class="scroll" tabIndex={0} role="region" aria-labelledby="batches-title">
        {batches.length === 0 && <p class="empty">No batch yet</p>}
        <ul class="rows">
          {batches.map((batch) => (
            <Batch key={batch.id} batch={batch} actions={actions} />
          ))}
        </ul>
      </div>
    </section>
  );
}

function Batch({ batch, actions }: { batch: BatchStatus; actions: FleetActions | null }) {
  const { id, status, totalTasks, completedTasks, failedTasks, cancelledTasks, runningTasks } = batch;
  const settled = completedTasks + failedTasks + cancelledTasks;
  return (
    <li class="row">
      <div class="row-title">
        <Name text={id} />
        <span class={`tag state-${status}`}>{words(status)}</span>
      </div>
      <div
        class="bar"
        role="progressbar"
        aria-label={`Progress of ${id.slice(0, 100)}`}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.floor(batch.progress * 100)}
      >
        <Part kind="good" part={completedTasks} of={totalTasks} />
        <Part kind="bad" part={failedTasks} of={totalTasks} />
        <Part kind="gone" part={cancelledTasks} of={totalTasks} />
        <Part kind="now" part={runningTasks} of={totalTasks} />
      </div>
      <div class="row-facts">
        <span>
          {count(settled)} of {count(totalTasks)}
        </span>
        {failedTasks > 0 && <span class="bad-text">{compact(failedTasks)} failed</span>}
        {runningTasks > 0 && <span>{compact(runningTasks)} running</span>}
        {batch.retryingTasks > 0 && <span>{compact(batch.retryingTasks)} backing off</span>}
        {batch.blockedTasks > 0 && <span>{compact(batch.blockedTasks)} blocked</span>}
        {actions !== null && <BatchActions batch={batch} actions={actions} />}
      </div>
    </li>
  );
}

function Part({ kind, part, of }: { kind: string; part: number; of: number }) {
  return <span class={kind} style={{ width: of === 0 ? '0%' : `${(100 * part) / of}%` }} />;
}

function BatchActions({
  batch: { id, status, failedTasks },
  actions
}: {
  batch: BatchStatus;
  actions: FleetActions;
}) {
  const isLive = ['accepting', 'pending', 'processing', 'paused'].includes(status);
  return (
    <span class="row-actions">
      {(status === 'pending' || status === 'processing') && (
        <ActionButton label="Pause" of={id} action={() => actions.pauseBatch(id)} />
      )}
      {status === 'paused' && <ActionButton label="Resume" of={id} action={() => actions.resumeBatch(id)} />}
      {isLive && <ActionButton label="Cancel" of={id} isDangerous action={() => actions.cancelBatch(id)} />}
      {!isLive && failedTasks > 0 && (
        <ActionButton label="Retry failed" of={id} action={() => actions.retryBatch(id)} />
      )}
    </span>
  );
}
