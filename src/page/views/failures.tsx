import type { FrameFailure } from '../../dashboard/frame.ts';
import type { FleetActions } from '../live/fleetActions.ts';
import { clockTime, plural, words } from '../format.ts';
import { ActionButton } from './actionButton.tsx';
import { Name } from './name.tsx';
import { TaskKey } from './taskKey.tsx';

/** @param props.onOpen - Shows the life of the task with this key. */
export function Failures({
  failures,
  actions,
  onOpen
}: {
  failures: readonly FrameFailure[];
  actions: FleetActions | null;
  onOpen: (key: string) => void;
}) {
  return (
    <section class="panel" aria-labelledby="failures-title">
      <h2 id="failures-title">
        Failed tasks <small>{failures.length > 0 && `the latest ${failures.length}`}</small>
      </h2>
      <div class="scroll" tabIndex={0} role="region" aria-labelledby="failures-title">
        {failures.length === 0 && <p class="empty">None has failed</p>}
        <ul class="rows">
          {failures.map((failure) => (
            <li key={`${failure.key} ${failure.at}`} class="row">
              <div class="row-title">
                <button
                  type="button"
                  class="link"
                  aria-label={failure.key.slice(0, 500)}
                  onClick={() => onOpen(failure.key)}
                >
                  <TaskKey text={failure.key} />
                </button>
                <span class={`tag state-${failure.status}`}>{words(failure.status)}</span>
              </div>
              <div class="error">
                <Name text={failure.error} />
              </div>
              <div class="row-facts">
                <Name text={failure.type} />
                <span>{plural(failure.attempts, 'attempt')}</span>
                <span>{clockTime(failure.at)}</span>
                {actions !== null && (
                  <span class="row-actions">
                    <ActionButton
                      label="Retry"
                      of={failure.key}
                      action={() => actions.retryTask(failure.key)}
                    />
                  </span>
                )}
              </div>
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}
