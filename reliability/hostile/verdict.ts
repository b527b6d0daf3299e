import { FleetError, ValidationError } from '../../src/errors.ts';

/** An input may take so long, ms: far above what any takes. */
export const longestMs = 1_000;

/** How a call ended. */
export type Ending =
  | { readonly status: 'accepted'; readonly reply: unknown }
  | { readonly status: 'refused'; readonly error: unknown }
  | { readonly status: 'hung'; readonly ms: number };

/** Calls, and waits for the end, but not for ever. */
export async function endingOf(call: () => Promise<unknown>, mostMs: number): Promise<Ending> {
  const begin = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const hung = new Promise<Ending>((resolve) => {
    timer = setTimeout(() => resolve({ status: 'hung', ms: performance.now() - begin }), mostMs);
  });
  const ended = call().then<Ending, Ending>(
    (reply) => ({ status: 'accepted', reply }),
    (error: unknown) => ({ status: 'refused', error })
  );
  const ending = await Promise.race([ended, hung]);
  clearTimeout(timer);
  const ms = performance.now() - begin;
  return ms > mostMs ? { status: 'hung', ms } : ending;
}

/** What is wrong with a refusal; `null` when it is as it should be. */
export function problemOfRefusal(error: unknown): string | null {
  if (!(error instanceof FleetError)) return `threw ${describe(error)}`;
  const { code, message } = error;
  if (!/^ERR_[A-Z_]+$/.test(code)) return `has the code ${code}`;
  if (/[\p{Cc}\u2028-\u202e\u2066-\u2069]/u.test(message))
    return `says what a terminal obeys: ${JSON.stringify(message)}`;
  if (message.length > 10_000) return `says ${message.length} characters`;
  if (error instanceof ValidationError && (error.argument === '' || !message.includes(error.argument)))
    return `names no argument: ${message}`;
  return null;
}

function describe(error: unknown): string {
  try {
    return error instanceof Error
      ? (error.stack ?? error.message).split('\n').slice(0, 4).join(' | ')
      : typeof error;
  } catch {
    return 'what cannot be looked at';
  }
}
