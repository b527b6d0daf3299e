/** Whether a value is one of a vocabulary. */
export function isOneOf(words: readonly string[], value: unknown): boolean {
  return words.includes(value as string);
}

/** An object that JSON text holds; `null` when it holds something else, or is no JSON. */
export function objectIn(text: unknown): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text as string);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** Whether a value has a count, an integer >= 0, for each of these names. */
export function hasCounts(value: unknown, names: readonly string[]): boolean {
  return (
    isObject(value) &&
    names.every((name) => Number.isSafeInteger(value[name]) && (value[name] as number) >= 0)
  );
}

export function isTimeOrNull(value: unknown): boolean {
  return value === null || Number.isFinite(value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
