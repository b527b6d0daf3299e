import { useEffect, useState } from 'preact/hooks';

const themes = ['auto', 'light', 'dark'] as const;
type Theme = (typeof themes)[number];
const storageKey = 'xstate-fleet.theme';

/** Told when the colours have changed, for what is drawn on a canvas. */
export const themeChanged = 'themechanged';

/** Light, dark, or as the system has it; kept where the browser keeps things for this page. */
export function ThemeToggle() {
  const [theme, setTheme] = useState<Theme>(readTheme);
  useEffect(() => {
    if (theme === 'auto') document.documentElement.removeAttribute('data-theme');
    else document.documentElement.setAttribute('data-theme', theme);
    keepTheme(theme);
    dispatchEvent(new Event(themeChanged));
  }, [theme]);
  const next = themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'auto';
  return (
    <button
      type="button"
      class="action theme"
      title={`Colours: ${theme}. Change to ${next}`}
      onClick={() => setTheme(next)}
    >
      {theme === 'auto' ? '◐' : theme === 'light' ? '☀' : '☾'}
      <span class="hidden">Colours: {theme}</span>
    </button>
  );
}

function readTheme(): Theme {
  try {
    const kept = localStorage.getItem(storageKey);
    return themes.find((theme) => theme === kept) ?? 'auto';
  } catch {
    // A page that is opened from a file may not be allowed to.
    return 'auto';
  }
}

function keepTheme(theme: Theme): void {
  try {
    localStorage.setItem(storageKey, theme);
  } catch {
    // It lasts as long as the page.
  }
}
