import { readFileSync } from 'node:fs';
import { addCounts, formatCounts, isClean, noCounts, type Counts } from '../counts.ts';
import { readInteger, readOptions } from '../options.ts';
import { drawPlan } from './drawPlan.ts';
import type { Plan } from './plan.ts';
import { formatPlan, parsePlan } from './planText.ts';
import { shrink } from './shrink.ts';
import { simulate, type Report } from './simulate.ts';

/** Plans that are lived at most to shrink one. */
const shrinkTries = 1_000;
/** Findings that are printed of a plan. */
const shownFindings = 5;

const options = readOptions<{ seeds: number; plan?: string }>('simulate', 'days', 1, (command) =>
  command
    .option('--seeds <number>', 'how many seeds, from --seed on', readInteger, 1)
    .option('--plan <file>', 'live the plan of a file instead of drawing one')
);

const plans =
  options.plan === undefined
    ? Array.from({ length: options.seeds }, (_, index) => drawPlan(options.seed + index, options.amount))
    : [parsePlan(readFileSync(options.plan, 'utf8'))];

let total: Counts = noCounts;
let broken = 0;
let settled = 0;
let spentMs = 0;
const cpuBefore = process.cpuUsage();
for (const plan of plans) {
  const startedAt = performance.now();
  const report = await simulate(plan);
  const tookMs = performance.now() - startedAt;
  total = addCounts(total, report.counts);
  settled += report.settled;
  spentMs += tookMs;
  console.log(summaryOf(plan, report, tookMs));
  if (report.findings.length === 0) continue;
  broken += 1;
  for (const { kind, message, atMs } of report.findings.slice(0, shownFindings)) {
    console.log(`  ${kind} at ${atMs} ms: ${message}`);
  }
  console.log(
    `Shortest plan found; put it into a file and give that as --plan:\n${await shortest(plan, report)}`
  );
}
console.log(`${plans.length} plans, ${broken} of them broken · ${formatCounts(total)}`);
const cpu = process.cpuUsage(cpuBefore);
const cpuMs = (cpu.user + cpu.system) / 1_000;
console.log(
  `${settled} results · ${perSecond(settled, spentMs)} per second · ${perSecond(settled, cpuMs)} per second of processor time`
);
process.exitCode = broken === 0 && isClean(total) ? 0 : 1;

function summaryOf(plan: Plan, { counts, settled, hash, simulatedMs }: Report, tookMs: number): string {
  const days = (simulatedMs / 86_400_000).toFixed(1);
  const life = `seed ${plan.seed} · ${days} days · ${plan.operations.length} operations`;
  const speed = `${Math.round(tookMs)} ms · ${perSecond(settled, tookMs)} tasks/s`;
  return `${life} · ${formatCounts(counts)} · trace ${hash.slice(0, 16)} · ${speed}`;
}

/** A plan that breaks the same kind of promise. */
async function shortest(plan: Plan, { findings }: Report): Promise<string> {
  const { kind } = findings[0]!;
  const shows = async (candidate: Plan): Promise<boolean> =>
    (await simulate(candidate)).findings.some((finding) => finding.kind === kind);
  return formatPlan(await shrink(plan, shows, shrinkTries));
}

function perSecond(count: number, ms: number): number {
  return Math.round((count / ms) * 1_000);
}
