/** What went wrong, as data. */
export interface Problem {
  /** An error's own code, or its name. */
  readonly code: string;
  readonly message: string;
}

/** Anything thrown, as data. Never throws itself, whatever was thrown. */
export function problemOf(thrown: unknown): Problem {
  try {
    if (!(thrown instanceof Error)) return { code: 'ERR_UNKNOWN', message: String(thrown) };
    const { code } = thrown as { code?: unknown };
    return { code: typeof code === 'string' ? code : thrown.name, message: thrown.message };
  } catch {
    return { code: 'ERR_UNKNOWN', message: 'an error that cannot be read' };
  }
}
