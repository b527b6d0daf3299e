import type { Frame } from '../../dashboard/frame.ts';

export type Connection = 'connecting' | 'live' | 'reconnecting' | 'ended';

export interface FrameFeedOptions {
  /** At most once for each frame that the browser draws. */
  readonly onFrame: (frame: Frame) => void;
  readonly onConnection: (connection: Connection) => void;
  /** The stream could not be opened at all: asks why, and for a token when that is what it takes. */
  readonly onRefused: () => Promise<unknown>;
}

/** Ms before the stream is opened anew: at first, and at most. */
const shortestDelay = 500;
const longestDelay = 5_000;
/** Ms in which nothing is told of a fleet that does nothing. */
const stillAfter = 1_000;
/** Ms by which its time is told too small: the next frame must not be older, however fast it came. */
const stillSlack = 500;

/**
 * The frames of a fleet, for as long as the page is open.
 *
 * What comes between two drawings of the browser is neither parsed nor told, but for the newest: a page in the
 * background costs nothing. While the fleet does nothing, its last frame is told each second, at a later time: rates
 * fall to nothing, and time goes on. A stream that breaks is opened anew, without end.
 */
export class FrameFeed {
  readonly #options: FrameFeedOptions;
  #delay = shortestDelay;
  #newest: string | null = null;
  #isEnding = false;
  /** The last one that came, and when, as the browser counts. */
  #last: { readonly frame: Frame; readonly at: number } | null = null;

  constructor(options: FrameFeedOptions) {
    this.#options = options;
  }

  open(): void {
    const source = new EventSource('/api/events');
    let isOpen = false;
    const still = setInterval(() => this.#showStill(), stillAfter);
    source.addEventListener('frame', ({ data }: MessageEvent<string>) => {
      if (this.#newest === null) requestAnimationFrame(() => this.#show());
      this.#newest = data;
      if (isOpen) return;
      isOpen = true;
      this.#delay = shortestDelay;
      this.#options.onConnection('live');
    });
    source.addEventListener('end', () => (this.#isEnding = true));
    // Its own reconnecting gives up at an answer like 503, and tells nothing of it.
    source.addEventListener('error', () => {
      source.close();
      clearInterval(still);
      this.#options.onConnection(this.#isEnding ? 'ended' : 'reconnecting');
      void this.#reopen(isOpen);
    });
  }

  async #reopen(wasOpen: boolean): Promise<void> {
    if (!wasOpen) await this.#options.onRefused().catch(() => undefined);
    setTimeout(() => this.open(), this.#delay);
    this.#delay = Math.min(this.#delay * 2, longestDelay);
  }

  #show(): void {
    if (this.#newest === null) return;
    const frame = JSON.parse(this.#newest) as Frame;
    this.#newest = null;
    this.#last = { frame, at: performance.now() };
    this.#isEnding = isEnding(frame);
    this.#options.onFrame(frame);
  }

  #showStill(): void {
    if (this.#last === null || this.#newest !== null || document.hidden) return;
    const { frame, at } = this.#last;
    const silence = performance.now() - at;
    if (silence >= stillAfter) this.#options.onFrame({ ...frame, at: frame.at + silence - stillSlack });
  }
}

/** Whether a stream that breaks now is no accident. */
function isEnding({ active }: Frame): boolean {
  return (active.fleet ?? []).some((path) =>
    ['draining', 'releasing', 'closing', 'stopped', 'failed'].includes(path.replace('operation.', ''))
  );
}
