import { useEffect, useRef } from 'preact/hooks';
import type { OpenQuestion } from './dialogs.ts';

/** Shows what is asked, above everything else, until it is answered. */
export function DialogHost({ open }: { open: OpenQuestion | null }) {
  return open === null ? null : <Dialog key={open.id} question={open} />;
}

function Dialog({ question }: { question: OpenQuestion }) {
  const { title, text, confirm, isDangerous, isSecret, answer } = question;
  const dialog = useRef<HTMLDialogElement>(null);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    answer(input.current?.value ?? '');
  };
  return (
    <dialog ref={dialog} aria-labelledby="dialog-title" onCancel={() => answer(null)}>
      <form onSubmit={submit}>
        <h2 id="dialog-title">{title}</h2>
        <p class="dialog-text">
          <bdi>{text.slice(0, 500)}</bdi>
        </p>
        {isSecret && (
          <input ref={input} type="password" name="token" autocomplete="off" required aria-label="Token" />
        )}
        <div class="dialog-actions">
          <button type="button" class="action" onClick={() => answer(null)}>
            Not now
          </button>
          <button type="submit" class={isDangerous ? 'action danger' : 'action primary'}>
            {confirm}
          </button>
        </div>
      </form>
    </dialog>
  );
}
