import { randomUUID } from 'node:crypto';

// Captured when the library loads, as the clock's are.
const { now } = Date;

/**
 * A UUID of version 7: ids sort by the millisecond in which they were made, and are random within it.
 *
 * The random bits are those of a version 4, which Node draws for many at once.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7
 */
export function newId(): string {
  const at = now().toString(16).padStart(12, '0');
  return `${at.slice(0, 8)}-${at.slice(8)}-7${randomUUID().slice(15)}`;
}
