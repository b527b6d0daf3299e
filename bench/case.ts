import { cases } from './cases/index.ts';

/** What one run of a case measured. */
export interface Measurement {
  readonly tasks: number;
  readonly ms: number;
  /** Largest resident set of the process, bytes. */
  readonly peakRss: number;
  /** Longest time between two looks at the event loop beyond the interval, ms. */
  readonly maxLagMs: number;
}

/** Runs one case once, alone in its process, and prints its measurement as JSON. */
const [name = ''] = process.argv.slice(2);
const run = cases[name];
if (run === undefined)
  throw new Error(`There is no case ${name}; there are ${Object.keys(cases).join(', ')}`);

const lag = watchLoop();
const begin = performance.now();
const tasks = await run();
const ms = performance.now() - begin;
const measurement: Measurement = {
  tasks,
  ms,
  // Kibibytes on every platform that Node runs on.
  peakRss: process.resourceUsage().maxRSS * 1024,
  maxLagMs: lag.stop()
};
process.stdout.write(JSON.stringify(measurement));

function watchLoop() {
  const intervalMs = 5;
  let last = performance.now();
  let longest = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last - intervalMs);
    last = now;
  }, intervalMs);
  return {
    stop() {
      clearInterval(timer);
      return longest;
    }
  };
}
