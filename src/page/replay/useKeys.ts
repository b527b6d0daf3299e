import { useEffect, useRef } from 'preact/hooks';

/** Where keys are typed, or mean something already. */
const typing = 'input:not([type=range]), select, dialog';
const own: readonly (readonly [selector: string, keys: readonly string[]])[] = [
  ['button', [' ']],
  ['input[type=range]', ['ArrowLeft', 'ArrowRight', 'Home', 'End']]
];

/** Keys that work wherever nothing else wants them. @param keys - What each does, by its name in `KeyboardEvent.key`. */
export function useKeys(keys: Readonly<Record<string, () => void>>): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTaken(event)) return;
      const act = latest.current[event.key];
      if (act === undefined) return;
      event.preventDefault();
      act();
    };
    addEventListener('keydown', onKeyDown);
    return () => removeEventListener('keydown', onKeyDown);
  }, []);
}

function isTaken({ target, key }: KeyboardEvent): boolean {
  if (!(target instanceof Element)) return false;
  if (target.closest(typing) !== null) return true;
  return own.some(([selector, keys]) => keys.includes(key) && target.closest(selector) !== null);
}
