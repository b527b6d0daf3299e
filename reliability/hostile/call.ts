import type { SeededRandom } from '../../src/testing/seededRandom.ts';
import type { HostileFleet } from './hostileFleet.ts';

/** A call of the API: arguments that are good, how it is called, and how to see that it took them as they are. */
export interface Call {
  readonly name: string;
  /** Good arguments, open to damage. @param id - Fresh, for what the call makes. */
  arguments(random: SeededRandom, id: string): unknown[];
  run(fleet: HostileFleet, args: readonly unknown[]): Promise<unknown>;
  /** What is not as it was given, of a call that was taken; `null`: all is. Leaves nothing behind. */
  check?(fleet: HostileFleet, args: readonly unknown[], reply: never): Promise<string | null>;
}

/** A call about what is not there: taken or not, it changes nothing. */
export function reading(
  name: string,
  args: (id: string) => unknown[],
  run: (fleet: HostileFleet, args: [never, never]) => Promise<unknown>
): Call {
  return { name, arguments: (_, id) => args(id), run: (fleet, given) => run(fleet, given as [never, never]) };
}

/** A function would not be open to damage: it takes the place of the 1 that is still in `handlers.echo`. */
export function putHandler(options: unknown): void {
  try {
    const { handlers } = options as { handlers: Record<string, unknown> };
    if (handlers.echo === 1) handlers.echo = () => 1;
  } catch {
    // It was damaged, and bites.
  }
}
