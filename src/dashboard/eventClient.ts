const ping = new TextEncoder().encode(': ping\n\n');
const nothing = new Uint8Array();

/**
 * One reader of frames.
 *
 * What it has not taken yet is one frame, the newest: a slow reader gets fewer of them, and none that is old. All
 * readers share the bytes of a frame.
 */
export class EventClient {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  #pending: Uint8Array<ArrayBuffer> | null = null;
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | null = null;
  /** Resolves what the reader waits for; `null`: it does not wait. */
  #wake: (() => void) | null = null;
  /** What ends the stream; `null`: it goes on. */
  #last: Uint8Array<ArrayBuffer> | null = null;
  readonly #onGone: () => void;

  /** @param onGone - Called once, when the reader is gone or everything was sent. */
  constructor(onGone: () => void) {
    this.#onGone = onGone;
    this.stream = new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#pull(),
        cancel: () => this.#leave()
      },
      { highWaterMark: 0 }
    );
  }

  send(event: Uint8Array<ArrayBuffer>): void {
    if (this.#last !== null) return;
    this.#pending = event;
    this.#flush();
  }

  /** Tells that the server lives, if nothing else is to be told. */
  ping(): void {
    if (this.#pending === null) this.send(ping);
  }

  /** The last thing that it is told, after what it has not taken yet. */
  end(event: Uint8Array<ArrayBuffer>): void {
    if (this.#last !== null) return;
    this.#last = event;
    this.#flush();
  }

  #pull(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#flush();
    });
  }

  #flush(): void {
    const wake = this.#wake;
    const event = this.#pending ?? this.#last;
    if (event === null || wake === null) return;
    const isLast = this.#pending === null;
    this.#pending = this.#wake = null;
    this.#controller!.enqueue(event);
    if (isLast) {
      this.#controller!.close();
      this.#onGone();
    }
    wake();
  }

  #leave(): void {
    this.#last ??= nothing;
    this.#wake?.();
    this.#wake = null;
    this.#onGone();
  }
}
