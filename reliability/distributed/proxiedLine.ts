import type { Socket } from 'node:net';
import type { Direction, LinkFault } from './tcpProxy.ts';

/** Bytes that are under way at most, each way; then the sender waits, as for a full window of TCP. */
const windowBytes = 1_048_576;

/** One connection through a proxy: both its halves. */
export class Line {
  readonly #ways: readonly Way[];
  #isOpen = true;
  readonly #onClosed: () => void;

  constructor(client: Socket, server: Socket, fault: LinkFault, onClosed: () => void) {
    this.#onClosed = onClosed;
    server.setNoDelay(true);
    this.#ways = [new Way(client, server, 'toServer', fault), new Way(server, client, 'toClient', fault)];
    for (const socket of [client, server]) {
      socket.on('error', () => this.cut());
      socket.once('close', () => {
        if (client.destroyed && server.destroyed) this.#close();
      });
    }
    this.holdOrResume();
  }

  /** Whether bytes have disappeared: the rest of them would be a stream with a gap. */
  get hasLost(): boolean {
    return this.#ways.some(({ hasLost }) => hasLost);
  }

  holdOrResume(): void {
    for (const way of this.#ways) way.holdOrResume();
  }

  /** Ends both halves with a reset. */
  cut(): void {
    if (!this.#isOpen) return;
    for (const way of this.#ways) way.cut();
    this.#close();
  }

  #close(): void {
    this.#isOpen = false;
    this.#onClosed();
  }
}

/** What one side of a connection sends to the other. */
class Way {
  hasLost = false;
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #direction: Direction;
  readonly #fault: LinkFault;
  /** When the last chunk arrives, by the monotonic clock, ms: nothing overtakes it. */
  #lastDue = 0;
  #bytesUnderWay = 0;
  /** What is under way, in order: timers of their own could overtake each other. */
  readonly #underWay: { readonly due: number; readonly arrive: () => void }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, direction: Direction, fault: LinkFault) {
    this.#from = from;
    this.#to = to;
    this.#direction = direction;
    this.#fault = fault;
    from.on('data', (chunk: Buffer) => this.#pass(chunk));
    from.once('end', () => this.#after(0, () => this.#to.end()));
    to.on('drain', () => this.holdOrResume());
  }

  holdOrResume(): void {
    const mayPass = !this.#fault.holds.has(this.#direction) && this.#bytesUnderWay < windowBytes;
    if (mayPass && !this.#to.writableNeedDrain) this.#from.resume();
    else this.#from.pause();
  }

  cut(): void {
    clearTimeout(this.#timer);
    this.#underWay.length = 0;
    // One that is being shut down libuv does not reset, and Node 20 would wait for it for ever when the process ends.
    if (this.#from.writableEnded && !this.#from.writableFinished) this.#from.destroy();
    else this.#from.resetAndDestroy();
  }

  #pass(chunk: Buffer): void {
    if (this.#fault.swallows.has(this.#direction)) {
      this.hasLost = true;
      return;
    }
    this.#bytesUnderWay += chunk.length;
    this.#after(chunk.length, () => {
      this.#bytesUnderWay -= chunk.length;
      if (!this.#to.destroyed) this.#to.write(chunk);
      this.holdOrResume();
    });
    this.holdOrResume();
  }

  /** Does it when bytes that are sent now arrive. */
  #after(bytes: number, arrive: () => void): void {
    const { delayMs, bytesPerSecond } = this.#fault;
    const now = performance.now();
    const sendMs = bytesPerSecond === null ? 0 : (bytes / bytesPerSecond) * 1_000;
    const due = Math.max(now + delayMs, this.#lastDue) + sendMs;
    this.#lastDue = due;
    if (due <= now && this.#underWay.length === 0) return arrive();
    this.#underWay.push({ due, arrive });
    if (this.#underWay.length === 1) this.#awaitFirst();
  }

  #awaitFirst(): void {
    const [first] = this.#underWay;
    if (first === undefined) return;
    this.#timer = setTimeout(() => this.#deliver(), first.due - performance.now());
  }

  #deliver(): void {
    const now = performance.now();
    while (this.#underWay.length > 0 && this.#underWay[0]!.due <= now) this.#underWay.shift()!.arrive();
    this.#awaitFirst();
  }
}
