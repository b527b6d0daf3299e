/**
 * A value as it can be compared and shown: actors, which are another object in each run, become their ids.
 *
 * Copies arrays, plain objects, maps and sets; anything else stays as it is. A circle becomes `[circular]`.
 */
export function comparable(value: unknown, above: readonly object[] = []): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (isActor(value)) return { actor: nameOf(value) };
  if (above.includes(value)) return '[circular]';
  const inside = (part: unknown) => comparable(part, [...above, value]);
  if (Array.isArray(value)) return value.map(inside);
  if (value instanceof Map) return new Map([...value].map(([key, part]) => [inside(key), inside(part)]));
  if (value instanceof Set) return new Set([...value].map(inside));
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, inside(part)]));
}

/** The id of an actor. One that was given none has another in each run, so it is nameless. */
export function nameOf({ id, sessionId }: { readonly id: string; readonly sessionId: string }): string {
  return id === sessionId ? '(nameless)' : id;
}

/** A text that two values share when they are equal, whatever the order of their fields. */
export function textOf(value: unknown): string {
  return JSON.stringify(comparable(value), (_, part: unknown) => {
    if (typeof part === 'bigint') return `${part}n`;
    if (part === undefined) return '[undefined]';
    if (typeof part === 'number' && !Number.isFinite(part)) return String(part);
    if (part instanceof Map || part instanceof Set) return [...(part as Iterable<unknown>)];
    if (part instanceof Error) return { name: part.name, message: part.message };
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([left], [right]) => (left < right ? -1 : 1)));
  });
}

function isActor(value: object): value is { readonly id: string; readonly sessionId: string } {
  return 'sessionId' in value && 'send' in value && 'id' in value;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
