const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** `93,412`. */
export function count(value: number): string {
  return grouped.format(value);
}

/** At most six characters: `93,412`, beyond that `934k`, `1.2M`, `34M`, `1.2G`. @param value - At least 0, below 1e15. */
export function compact(value: number): string {
  const text = count(value);
  if (text.length <= 6) return text;
  for (const [unit, size] of units) {
    if (value >= size) {
      const scaled = value / size;
      // Cut, not rounded: 999,999 is not yet a million.
      return `${scaled < 10 ? Math.floor(scaled * 10) / 10 : Math.floor(scaled)}${unit}`;
    }
  }
  return text;
}

/** `0.4`, `3`, `12`, `1,234`: one decimal below 10, where there is one. */
export function rate(value: number): string {
  return value < 10 && !Number.isInteger(value) ? value.toFixed(1) : count(value);
}

/** `0.4 ms`, `12 ms`, `1.2 s`, `3 min 5 s`, `2 h 3 min`, `4 d 2 h`. @param ms - At least 0. */
export function duration(ms: number): string {
  if (ms < 10) return `${Math.round(ms * 10) / 10} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${Math.round(ms / 100) / 10} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return pair(seconds, 60, 'min', 's');
  if (seconds < 86_400) return pair(Math.floor(seconds / 60), 60, 'h', 'min');
  return pair(Math.floor(seconds / 3_600), 24, 'd', 'h');
}

/** `14:05:09`, of the reader's clock. @param at - Epoch ms. */
export function clockTime(at: number): string {
  return new Date(at).toLocaleTimeString('en-GB');
}

/** `2026-11-21 14:05:09.123`, of the reader's clock. @param at - Epoch ms. */
export function dateTime(at: number): string {
  const date = new Date(at);
  return `${date.toLocaleDateString('sv-SE')} ${clockTime(at)}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** `backing off` of `backingOff`, `timed out` of `timedOut`; of a path, its last key. */
export function words(state: string): string {
  return state
    .slice(state.lastIndexOf('.') + 1)
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase();
}

/** `1 task`, `2 tasks`. */
export function plural(value: number, noun: string, nouns = `${noun}s`): string {
  return `${count(value)} ${value === 1 ? noun : nouns}`;
}

const units = [
  ['T', 1e12],
  ['G', 1e9],
  ['M', 1e6],
  ['k', 1e3]
] as const;

function pair(value: number, base: number, large: string, small: string): string {
  const rest = value % base;
  return `${Math.floor(value / base)} ${large}${rest === 0 ? '' : ` ${rest} ${small}`}`;
}
