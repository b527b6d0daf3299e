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

/**
 * The frames of a fleet, for as long as the page is open.
 *
 * What comes between two drawings of the browser is neither parsed nor told, but for the newest: a page in the
 * background costs nothing. A stream that breaks is opened anew, without end.
 */
export class FrameFeed {
  readonly #options: FrameFeedOptions;
  #delay = shortestDelay;
  #newest: string | null = null;
  #isEnding = false;

  constructor(options: FrameFeedOptions) {
    this.#options = options;
  }

  open(): void {
    const source = new EventSource('/api/events');
    let isOpen = false;
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
    this.#isEnding = isEnding(frame);
    this.#options.onFrame(frame);
  }
}

/** Whether a stream that breaks now is no accident. */
function isEnding({ active }: Frame): boolean {
  return (active.fleet ?? []).some((path) =>
    ['draining', 'releasing', 'closing', 'stopped', 'failed'].includes(path.replace('operation.', ''))
  );
}
