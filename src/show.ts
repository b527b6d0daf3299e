const maxLength = 80;

/** A value for a message: one line, short, and never throwing, whatever the value is. */
export function show(value: unknown): string {
  try {
    return shorten(describe(value));
  } catch {
    return 'a value that cannot be inspected';
  }
}

function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > maxLength ? `${value.slice(0, maxLength)}…` : value);
    case 'bigint':
      return `${value}n`;
    case 'symbol':
      return 'a symbol';
    case 'function':
      return 'a function';
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return `an array of ${value.length}`;
      return `an object of class ${className(value)}`;
    default:
      return Object.is(value, -0) ? '-0' : String(value);
  }
}

function className(value: object): string {
  const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: unknown } } | null;
  const name = prototype?.constructor?.name;
  return typeof name === 'string' && name !== '' ? name : 'Object';
}

function shorten(text: string): string {
  return text.length > maxLength + 10 ? `${text.slice(0, maxLength)}…` : text;
}
