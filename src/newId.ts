import { getRandomValues, randomUUID } from 'node:crypto';
import type { v7 } from 'uuid';

/** What is random in one id, and for how many it is drawn at once: to draw for each is nine tenths of what an id costs. */
const bytesOfId = 16;
const drawn = new Uint8Array(256 * bytesOfId);
let used = drawn.length;

let mint: typeof v7 | null = null;

/** Loads what mints them: 18 modules, which an import of the package need not wait for. */
export async function loadIds(): Promise<void> {
  mint ??= (await import('uuid')).v7;
}

/** Mints a UUID v7, once {@link loadIds} has resolved: those of one millisecond are in no order. */
export function newId(): string {
  // What is named before its fleet has recovered has no time in its name; nearly all of it is refused.
  if (mint === null) return randomUUID();
  if (used === drawn.length) {
    getRandomValues(drawn);
    used = 0;
  }
  return mint({ random: drawn.subarray(used, (used += bytesOfId)) });
}
