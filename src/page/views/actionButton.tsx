import { useState } from 'preact/hooks';

/** A button that is disabled until what it set off has settled. */
export function ActionButton({
  label,
  of,
  action,
  isDangerous = false
}: {
  label: string;
  /** What it is about, for those who hear the page. */
  of?: string | undefined;
  action: () => Promise<void>;
  isDangerous?: boolean;
}) {
  const [isBusy, setBusy] = useState(false);
  const act = () => {
    setBusy(true);
    void action().finally(() => setBusy(false));
  };
  return (
    <button
      type="button"
      class={isDangerous ? 'action danger' : 'action'}
      disabled={isBusy}
      aria-busy={isBusy}
      aria-label={of === undefined ? undefined : `${label} ${of.slice(0, 100)}`}
      onClick={act}
    >
      {label}
    </button>
  );
}
