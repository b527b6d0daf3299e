import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Requests that were sent without waiting for the answers to those before them.
 *
 * Node hands out all that a connection has sent at once, and keeps what is answered until it is its turn: a few bytes
 * would take hundreds of megabytes.
 */
export class UnansweredRequests {
  readonly #most: number;
  readonly #counts = new WeakMap<Socket, number>();

  /** @param most - Of one connection. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Whether a request is to be answered. A connection that has sent too many ends. */
  admit(socket: Socket, outgoing: ServerResponse): boolean {
    if (socket.destroyed) return false;
    const count = this.#count(socket, 1);
    outgoing.once('close', () => this.#count(socket, -1));
    if (count <= this.#most) return true;
    socket.destroy();
    return false;
  }

  #count(socket: Socket, change: 1 | -1): number {
    const count = (this.#counts.get(socket) ?? 0) + change;
    this.#counts.set(socket, count);
    return count;
  }
}
