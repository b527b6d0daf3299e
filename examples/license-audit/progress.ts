import { Presets, SingleBar } from 'cli-progress';

/** Shows how far an audit is. */
export interface Progress {
  /** One more package is done. */
  advance(label: string): void;
  end(): void;
}

/**
 * A bar on a terminal, else a line for each tenth of the way. On stderr: what is piped is the report alone.
 *
 * @param done - Packages that are done already; they are counted, but give no line.
 */
export function showProgress(total: number, done: number): Progress {
  return process.stderr.isTTY ? bar(total, done) : lines(total, done);
}

function bar(total: number, done: number): Progress {
  const format = '  {bar} {value}/{total}  {label}';
  // Cut to the width, rather than by a mode of the terminal that a killed process would leave behind.
  const single = new SingleBar(
    { format, clearOnComplete: true, barsize: 30, linewrap: true },
    Presets.shades_classic
  );
  single.start(total, done, { label: '' });
  return {
    advance: (label) => single.increment(1, { label }),
    end: () => single.stop()
  };
}

function lines(total: number, done: number): Progress {
  let count = done;
  return {
    advance(label) {
      const before = Math.floor((count * 10) / total);
      count += 1;
      if (Math.floor((count * 10) / total) > before) console.error(`  ${count} of ${total}  ${label}`);
    },
    end() {}
  };
}
