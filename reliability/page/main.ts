import { launchBrowser, problemsOf } from '../../test/page/browser.ts';
import { busyFrame } from '../../test/page/frames.ts';
import { PageServer } from '../../test/page/pageServer.ts';
import { writePage } from '../../src/page/build.ts';

/**
 * What the live page costs its reader's browser: 200 workers, 50 batches and 50 failures that change ten times a
 * second, at 1,000 transitions a second. Then three minutes of the same, as fast as they are drawn, for its memory.
 *
 * All times are processor time of the page's main thread: what else the machine does is not in them. A task of 50 ms
 * and more is what a reader feels.
 */
const seconds = Number(process.argv[2] ?? 20);

await writePage();
const server = new PageServer(busyFrame(0));
const browser = await launchBrowser();
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
const problems = problemsOf(page);
await page.goto(await server.listen());
await page.locator('main .cell').first().waitFor();
const session = await page.context().newCDPSession(page);
await session.send('Performance.enable', { timeDomain: 'threadTicks' });
let number = 0;

await browser.startTracing(page, { categories: ['toplevel', 'blink.user_timing'] });
const before = await metrics();
const firstFrame = number;
await new Promise<void>((resolve) => {
  const timer = setInterval(() => {
    server.send(busyFrame(++number));
    if (number - firstFrame < seconds * 10) return;
    clearInterval(timer);
    resolve();
  }, 100);
});
await shown(number);
const after = await metrics();
const frames = number - firstFrame;
const perFrame = (name: string) => `${(((after[name] ?? 0) - (before[name] ?? 0)) * 1_000) / frames} ms`;
const tasks = tasksOf(await browser.stopTracing());
console.log(`${frames} frames at 10 a second`);
for (const name of ['ScriptDuration', 'RecalcStyleDuration', 'LayoutDuration', 'TaskDuration']) {
  console.log(`  ${name} per frame: ${perFrame(name)}`);
}
console.log(
  `  tasks of 50 ms and more: ${tasks.filter((ms) => ms >= 50).length}, longest ${Math.max(...tasks)} ms`
);

console.log('Three minutes of frames, as fast as they are drawn: heap after a collection');
for (let part = 0; part <= 6; part++) {
  const frames = part === 0 ? 0 : 300;
  for (let index = 0; index < frames; index++) {
    server.send(busyFrame(++number));
    if (index % 10 === 0) await shown(number);
  }
  await shown(number);
  await session.send('HeapProfiler.collectGarbage');
  const { JSHeapUsedSize = 0, Nodes = 0, JSEventListeners = 0 } = await metrics();
  console.log(
    `  ${part * 30} s: ${(JSHeapUsedSize / 2 ** 20).toFixed(2)} MiB, ${Nodes} nodes, ${JSEventListeners} listeners`
  );
}
for (const problem of problems) console.log(problem);
await browser.close();
await server.close();

async function metrics(): Promise<Record<string, number>> {
  const { metrics } = await session.send('Performance.getMetrics');
  return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
}

/** Until the page has drawn the frame of that number. */
async function shown(number: number): Promise<void> {
  const turn = (number * 7).toLocaleString('en-US');
  await page.locator('.figure:last-child dd').getByText(turn, { exact: true }).waitFor();
}

/** Processor time of each task of the pages' main threads in a trace, ms. */
function tasksOf(trace: Buffer): number[] {
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: readonly TraceEvent[] };
  const mains = traceEvents.filter(
    ({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain'
  );
  return traceEvents
    .filter(({ name }) => name.endsWith('RunTask'))
    .filter(({ pid, tid }) => mains.some((main) => main.pid === pid && main.tid === tid))
    .map(({ tdur = 0 }) => tdur / 1_000);
}

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds of processor time. */
  readonly tdur?: number;
  readonly args?: { readonly name?: unknown };
}
