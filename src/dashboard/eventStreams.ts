import type { Clock } from '../clock.ts';
import { EventClient } from './eventClient.ts';
import type { Frame } from './frame.ts';
import { Refusal } from './refusal.ts';

/** A frame comes at most as often, ms. */
const frameEveryMs = 100;
const pingEveryMs = 15_000;
const maxClients = 100;
/** Bytes of a frame. */
const maxFrameBytes = 1_000_000;

interface EventStreamsOptions {
  readonly clock: Clock;
  /** The fleet as it is now. */
  readonly readFrame: () => Frame;
  /** Has each change of the fleet told, until it is disposed of. A change may be told several times. */
  readonly onChange: (listener: () => void) => Disposable;
  /** Told why a frame could not be made. */
  readonly onError: (error: unknown) => void;
}

/**
 * Sends frames to everybody who listens: the newest, soon after a change, at most ten a second.
 *
 * While nobody listens nothing is followed and nothing is made.
 */
export class EventStreams {
  readonly #options: EventStreamsOptions;
  readonly #clients = new Set<EventClient>();
  #following: Disposable | null = null;
  #nextFrame: Disposable | null = null;
  #nextPing: Disposable | null = null;
  /** The last frame, while it is no older than the time between two. */
  #last: { readonly madeAt: number; readonly event: Uint8Array<ArrayBuffer> } | null = null;
  #isEnded = false;

  constructor(options: EventStreamsOptions) {
    this.#options = options;
  }

  /** How many listen. */
  get size(): number {
    return this.#clients.size;
  }

  /** A stream that begins with the fleet as it is. @throws {Refusal} beyond 100 of them. */
  open(): ReadableStream<Uint8Array<ArrayBuffer>> {
    if (this.#isEnded) throw new Refusal(503, 'ERR_NOT_RUNNING', 'The fleet stops');
    if (this.#clients.size >= maxClients) {
      throw new Refusal(503, 'ERR_BUSY', `${maxClients} pages listen already; close one of them`);
    }
    const client = new EventClient(() => this.#forget(client));
    this.#clients.add(client);
    if (this.#clients.size === 1) this.#follow();
    const isFresh = this.#last !== null && this.#msSinceLast() < frameEveryMs;
    // One that is not the newest is followed by that: a change that came after it has set the alarm.
    if (isFresh) client.send(this.#last!.event);
    else this.#sendFrame([client]);
    return client.stream;
  }

  /** Tells everybody that it is over. */
  end(): void {
    this.#isEnded = true;
    // The last frame first: it shows how the fleet ended.
    if (this.#nextFrame !== null) this.#sendFrame(this.#clients);
    for (const client of [...this.#clients]) client.end(encode('event: end\ndata: {}\n\n'));
    this.#unfollow();
  }

  #follow(): void {
    this.#following = this.#options.onChange(() => this.#changed());
    this.#awaitPing();
  }

  #unfollow(): void {
    for (const pending of [this.#following, this.#nextFrame, this.#nextPing]) pending?.[Symbol.dispose]();
    this.#following = this.#nextFrame = this.#nextPing = this.#last = null;
  }

  #forget(client: EventClient): void {
    this.#clients.delete(client);
    if (this.#clients.size === 0) this.#unfollow();
  }

  #changed(): void {
    if (this.#nextFrame !== null) return;
    const delayMs = Math.max(0, frameEveryMs - this.#msSinceLast());
    this.#nextFrame = this.#options.clock.setAlarm(() => {
      this.#nextFrame = null;
      this.#sendFrame(this.#clients);
    }, delayMs);
  }

  #sendFrame(clients: Iterable<EventClient>): void {
    let event: Uint8Array<ArrayBuffer>;
    try {
      event = eventOf(this.#options.readFrame());
    } catch (error) {
      this.#options.onError(error);
      return;
    }
    this.#last = { madeAt: this.#options.clock.monotonic(), event };
    for (const client of [...clients]) client.send(event);
  }

  #awaitPing(): void {
    this.#nextPing = this.#options.clock.setAlarm(() => {
      for (const client of [...this.#clients]) client.ping();
      this.#awaitPing();
    }, pingEveryMs);
  }

  #msSinceLast(): number {
    return this.#last === null ? Infinity : this.#options.clock.monotonic() - this.#last.madeAt;
  }
}

/** Where ids and tags are so long that it is larger than a reader may have to hold, its lists are cut by halves. */
function eventOf(frame: Frame): Uint8Array<ArrayBuffer> {
  const event = encode(`event: frame\nid: ${frame.turn}\ndata: ${JSON.stringify(frame)}\n\n`);
  if (event.byteLength <= maxFrameBytes) return event;
  const { batches, workers, failures } = frame;
  return eventOf({ ...frame, batches: half(batches), workers: half(workers), failures: half(failures) });
}

function half<T>(items: readonly T[]): readonly T[] {
  return items.slice(0, Math.floor(items.length / 2));
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
