import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { Refusal } from './refusal.ts';

/** How long a cookie is good for, ms. */
export const sessionMs = 12 * 60 * 60 * 1_000;
const maxSessions = 1_000;
/** Wrong tokens that an address may send within the window. */
const maxWrong = 10;
const windowMs = 60_000;
const maxAddresses = 1_000;

interface WrongTokens {
  readonly since: number;
  readonly count: number;
}

/** Who may do what: keeps the token's hash, the sessions that were begun with it, and who guessed wrong. */
export class Access {
  readonly #tokenHash: Buffer;
  readonly #clock: Clock;
  /** When each ends, by the hash of its id, in the order in which they began. */
  readonly #sessions = new Map<string, number>();
  readonly #wrong = new Map<string, WrongTokens>();

  constructor(token: string, clock: Clock) {
    this.#tokenHash = hashOf(token);
    this.#clock = clock;
  }

  /**
   * Whether it is the token. Takes as long for a wrong one as for the right one.
   *
   * The right one is never refused: who shares the address of a guesser, as all do on one machine or behind one proxy,
   * would be locked out by it.
   *
   * @param address - Of whom it came from.
   * @throws {Refusal} for a wrong one after ten within a minute; it ends the connection.
   */
  isToken(token: string, address: string): boolean {
    if (timingSafeEqual(hashOf(token), this.#tokenHash)) return true;
    const now = this.#clock.monotonic();
    const wrong = this.#wrongOf(address, now);
    if (wrong.count >= maxWrong) {
      const seconds = Math.ceil((wrong.since + windowMs - now) / 1_000);
      throw new Refusal(429, 'ERR_TOO_MANY_TOKENS', `Too many wrong tokens; try again in ${seconds} s`, {
        connection: 'close',
        'retry-after': String(seconds)
      });
    }
    putLast(this.#wrong, address, { ...wrong, count: wrong.count + 1 }, maxAddresses);
    return false;
  }

  /** Begins a session. @returns Its id, which is no token: it ends. */
  beginSession(): string {
    const id = randomBytes(32).toString('base64url');
    putLast(this.#sessions, keyOf(id), this.#clock.monotonic() + sessionMs, maxSessions);
    return id;
  }

  isSession(id: string): boolean {
    const key = keyOf(id);
    const endsAt = this.#sessions.get(key);
    if (endsAt === undefined) return false;
    if (endsAt > this.#clock.monotonic()) return true;
    this.#sessions.delete(key);
    return false;
  }

  #wrongOf(address: string, now: number): WrongTokens {
    const wrong = this.#wrong.get(address);
    return wrong === undefined || now - wrong.since >= windowMs ? { since: now, count: 0 } : wrong;
  }
}

export function newToken(): string {
  return randomBytes(32).toString('base64url');
}

/** Both sides are hashed: values of one length can be compared in a time that tells nothing. */
function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function keyOf(sessionId: string): string {
  return hashOf(sessionId).toString('base64');
}

/** Puts an entry at the end of a map and drops its first ones beyond a bound. */
function putLast<T>(map: Map<string, T>, key: string, value: T, most: number): void {
  map.delete(key);
  map.set(key, value);
  for (const first of map.keys()) {
    if (map.size <= most) return;
    map.delete(first);
  }
}
