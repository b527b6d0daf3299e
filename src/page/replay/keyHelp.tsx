import { useEffect, useRef } from 'preact/hooks';

const keys: readonly (readonly [string, string])[] = [
  ['Space', 'play, pause'],
  ['← →', 'a turn back, a turn on'],
  ['Home End', 'the start, the end'],
  ['F', 'the next failure; with Shift, the one before'],
  ['R', 'the next retry, and why; with Shift, the one before'],
  ['S', 'the start of the next process; with Shift, of the one before'],
  ['/', 'search a task'],
  ['?', 'these keys']
];

/** What the keys do, above everything else, until it is closed. */
export function KeyHelp({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} aria-labelledby="keys-title" onClose={onClose}>
      <h2 id="keys-title">Keys</h2>
      <dl class="keys">
        {keys.map(([key, text]) => (
          <div key={key}>
            <dt>
              {key.split(' ').map((name) => (
                <kbd key={name}>{name}</kbd>
              ))}
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <div class="dialog-actions">
        <button type="button" class="action" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </div>
    </dialog>
  );
}
