import { show } from './show.ts';

/** Warns, as the process does, of what `subject` threw. Never throws, whatever that was. */
export function warnOf(subject: string, error: unknown): void {
  process.emitWarning(`${subject} threw: ${messageOf(error)}`);
}

function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? String(error) : show(error);
  } catch {
    return show(error);
  }
}
