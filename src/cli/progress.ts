import { clearLine, cursorTo } from 'node:readline';
import type { WriteStream } from 'node:tty';
import { SingleBar } from 'cli-progress';
import { durationText } from './duration.ts';
import { printable } from './terminal.ts';

/** How far a run is. */
export interface Counts {
  readonly total: number;
  /** Tasks that have settled, failed ones included. */
  readonly done: number;
  readonly failed: number;
  readonly running: number;
  /** Waiting for their next attempt. */
  readonly retrying: number;
}

/** Shows how far a run is, until it is disposed of. */
export interface Progress extends Disposable {
  /** Prints a line above it. */
  note(line: string): void;
}

const barEveryMs = 200;
const lineEveryMs = 2_000;
const speedWindowMs = 20_000;

/** A bar on a terminal; elsewhere a line now and then, and one at the end. @param read - Called often. */
export function showProgress(stream: WriteStream, read: () => Counts): Progress {
  const speed = new Speed(read());
  return stream.isTTY ? showBar(stream, read, speed) : writeLines(stream, read, speed);
}

function showBar(stream: WriteStream, read: () => Counts, speed: Speed): Progress {
  const bar = new SingleBar({
    stream,
    // What a narrow terminal cuts off comes last.
    format:
      '{bar} {value}/{total} | {failed} failed | {rate} | {left} left | {running} running | {retrying} retrying',
    barsize: 16,
    hideCursor: true,
    linewrap: true,
    forceRedraw: true,
    emptyOnZero: true,
    // Signals are the run's to take.
    gracefulExit: false
  });
  const draw = (): void => {
    const counts = read();
    bar.setTotal(counts.total);
    bar.update(counts.done, { ...counts, ...speed.texts(counts) });
  };
  const counts = read();
  bar.start(counts.total, counts.done, { ...counts, ...speed.texts(counts) });
  const timer = setInterval(draw, barEveryMs);
  // A handler may end the process; the cursor is shown again all the same.
  const showCursor = (): void => bar.stop();
  process.once('exit', showCursor);
  return {
    note(line) {
      cursorTo(stream, 0);
      clearLine(stream, 0);
      stream.write(`${printable(line)}\n`);
      draw();
    },
    [Symbol.dispose]() {
      clearInterval(timer);
      process.off('exit', showCursor);
      draw();
      bar.stop();
    }
  };
}

function writeLines(stream: WriteStream, read: () => Counts, speed: Speed): Progress {
  let last = '';
  const write = (): void => {
    const { total, done, failed, running, retrying } = read();
    const line = `${done}/${total} done, ${failed} failed, ${running} running, ${retrying} retrying`;
    if (line === last) return;
    last = line;
    const { rate, left } = speed.texts({ total, done });
    stream.write(`${line}${done < total ? `, ${rate}, ${left} left` : ''}\n`);
  };
  const timer = setInterval(write, lineEveryMs);
  return {
    note: (line) => void stream.write(`${printable(line)}\n`),
    [Symbol.dispose]() {
      clearInterval(timer);
      write();
    }
  };
}

interface Sample {
  readonly at: number;
  readonly done: number;
}

/** How fast it went lately; when nothing was done lately, since the run began. */
class Speed {
  readonly #first: Sample;
  /** The last ones, oldest first. */
  #samples: Sample[];

  constructor({ done }: Counts) {
    this.#first = { at: performance.now(), done };
    this.#samples = [this.#first];
  }

  texts({ total, done }: Pick<Counts, 'total' | 'done'>): { readonly rate: string; readonly left: string } {
    const now = { at: performance.now(), done };
    this.#samples = [...this.#samples.filter(({ at }) => now.at - at < speedWindowMs), now];
    const perMs = rate(this.#samples[0]!, now) || rate(this.#first, now);
    return {
      rate: `${(perMs * 1_000).toFixed(1)}/s`,
      left: perMs > 0 ? durationText((total - done) / perMs) : '?'
    };
  }
}

function rate(from: Sample, to: Sample): number {
  return to.at > from.at ? (to.done - from.done) / (to.at - from.at) : 0;
}
