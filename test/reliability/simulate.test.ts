import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { compiledModule } from '../../reliability/compiled.ts';
import { isClean } from '../../reliability/counts.ts';
import { drawPlan } from '../../reliability/simulate/drawPlan.ts';
import type { FindingKind } from '../../reliability/simulate/findings.ts';
import type { Plants } from '../../reliability/simulate/fleetProcess.ts';
import type { Operation, Plan } from '../../reliability/simulate/plan.ts';
import { formatPlan, parsePlan } from '../../reliability/simulate/planText.ts';
import { shrink } from '../../reliability/simulate/shrink.ts';
import { simulate, type Report } from '../../reliability/simulate/simulate.ts';
import type { AttemptRef, Executor, Outcome, Store } from '../../src/index.ts';

const run = promisify(execFile);
/** A short life: one burst of a day. */
const shortPlan = (seed: number): Plan => drawPlan(seed, 1, 1);

const seeds = Array.from({ length: 24 }, (_, index) => index + 1);
const lives = new Map<number, Promise<Report>>();
/** The short life of a seed, lived once for all tests that look at it. */
const lifeOf = (seed: number): Promise<Report> => {
  const life = lives.get(seed) ?? simulate(shortPlan(seed));
  lives.set(seed, life);
  return life;
};

describe('a simulated life', () => {
  it.each(seeds)('of seed %i keeps every promise', async (seed) => {
    const report = await lifeOf(seed);

    expect(report.findings).toEqual([]);
    expect(isClean(report.counts)).toBe(true);
  });

  it('ends tasks in all ways, so that keeping the promises means something', async () => {
    const ended = new Set<string>();
    for (const seed of seeds) {
      const { byStatus } = await lifeOf(seed);
      for (const [status, count] of Object.entries(byStatus)) if (count > 0) ended.add(status);
    }

    expect([...ended].sort()).toEqual(['cancelled', 'completed', 'failed', 'timedOut']);
  });

  it('is the same again for the same seed, and another one for another', async () => {
    const [first, other] = [await lifeOf(7), await lifeOf(8)];
    const again = await simulate(shortPlan(7));

    expect(again.hash).toBe(first.hash);
    expect(other.hash).not.toBe(first.hash);
  });

  it('is the same in another process, from a plan in a file', async () => {
    const plan = shortPlan(7);
    const folder = await mkdtemp(join(tmpdir(), 'simulate-'));
    try {
      const file = join(folder, 'plan.json');
      await writeFile(file, formatPlan(plan));
      const main = compiledModule(new URL('../../reliability/simulate/main.ts', import.meta.url));
      const { stdout } = await run(process.execPath, [main, '--plan', file]);
      const { hash } = await lifeOf(7);

      expect(stdout).toContain(`trace ${hash.slice(0, 16)}`);
      expect(stdout).toContain('1 plans, 0 of them broken');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

/** Many plans are lived to shrink one: on a busy machine that takes its time. */
const patientMs = 120_000;
/** How long a fleet with broken parts gets to settle, simulated ms. */
const impatientMs = 600_000;

describe('the oracle sees', { timeout: patientMs }, () => {
  it('a store that acknowledges a commit and drops it', async () => {
    const { kinds, shortest } = await shrunk({ store: droppingFirstTasks }, 'lost', 12);

    expect(kinds).toContain('lost');
    expect(shortest.operations.length).toBeLessThanOrEqual(2);
  });

  it('an executor that settles a second task with the outcome of the first', async () => {
    const { kinds, shortest } = await shrunk({ executor: settlingTwice }, 'result', 40);

    expect(kinds).toContain('result');
    expect(shortest.operations.length).toBeLessThanOrEqual(3);
  });

  it('a store that forgets that a schedule has fired', async () => {
    const calm = { does: 'return', ms: 1, obeys: true, oddity: 0 } as const;
    const plan: Plan = {
      seed: 1,
      config: {},
      operations: [
        {
          atMs: 0,
          do: 'schedule',
          id: 'each second',
          everyMs: 1_000,
          catchUp: 'last',
          overlap: 'allow',
          maxRuns: 3,
          tasks: { count: 1, attempts: [calm] }
        },
        { atMs: 5_000, do: 'pause' }
      ]
    };
    const { findings } = await simulate(plan, { store: forgettingFirings });

    // It fires at all: a command that is refused is no finding.
    expect(await simulate(plan)).toMatchObject({ findings: [], settled: 3 });
    expect(findings.map(({ kind }) => kind)).toContain('duplicated');
  });

  it('a clock that forgets an alarm', async () => {
    const forgetting: Plants = {
      clock: (clock) => ({
        now: () => clock.now(),
        monotonic: () => clock.monotonic(),
        setSoon: (callback) => clock.setSoon(callback),
        setAlarm: (callback, delayMs) => clock.setAlarm(delayMs > 700 ? () => {} : callback, delayMs)
      })
    };
    const { kinds, shortest } = await shrunk(forgetting, 'idle');

    expect(kinds).toContain('idle');
    expect(shortest.operations.length).toBeLessThanOrEqual(2);
  });
});

describe('a plan', () => {
  it('is read back as it was written', () => {
    const plan = shortPlan(3);

    expect(parsePlan(formatPlan(plan))).toEqual(plan);
    expect(parsePlan(formatPlan({ ...plan, operations: [] }))).toEqual({ ...plan, operations: [] });
  });

  it('shrinks to the operations that matter, with round numbers', async () => {
    const jumps = (plan: Plan): number[] =>
      plan.operations.flatMap((each) => (each.do === 'jump' ? each.ms : []));
    const operations: Operation[] = [0, 1, 2, 3, 4, 5].flatMap((index): Operation[] => [
      { atMs: index, do: 'pause' },
      { atMs: index, do: 'jump', ms: 1_234 + index }
    ]);
    const shows = (plan: Plan) =>
      Promise.resolve(jumps(plan).length >= 2 && jumps(plan).every((ms) => ms >= 1_000));
    const shortest = await shrink({ seed: 1, config: {}, operations }, shows, 1_000);

    expect(shortest.operations).toEqual([
      { atMs: 0, do: 'jump', ms: 1_000 },
      { atMs: 0, do: 'jump', ms: 1_000 }
    ]);
  });
});

/** The first seed that shows a kind of finding with broken parts, and the shortest plan that does. */
async function shrunk(
  plants: Plants,
  kind: FindingKind,
  tries = 200
): Promise<{ kinds: FindingKind[]; shortest: Plan }> {
  // What is broken never settles: a day of waiting for it is what such a life would mostly be.
  const live = (plan: Plan): Promise<Report> => simulate(plan, plants, impatientMs);
  const shows = async (plan: Plan): Promise<boolean> =>
    (await live(plan)).findings.some((finding) => finding.kind === kind);
  for (let seed = 1; ; seed++) {
    const plan = shortPlan(seed);
    const { findings } = await live(plan);
    const kinds = findings.map((finding) => finding.kind);
    if (kinds.includes(kind)) return { kinds, shortest: await shrink(plan, shows, tries) };
  }
}

/** Says that it wrote the first commit that brings tasks, and did not. */
function droppingFirstTasks(store: Store): Store {
  let isDropped = false;
  return {
    ...store,
    commit: async (commit) => {
      if (isDropped || commit.newTasks.length === 0) return store.commit(commit);
      isDropped = true;
    }
  };
}

/** Writes what a schedule submits, and not that it did. */
function forgettingFirings(store: Store): Store {
  return {
    ...store,
    commit: (commit) =>
      store.commit({ ...commit, schedules: commit.schedules.filter(({ row }) => row?.context.runs === 0) })
  };
}

/** Tells an outcome twice, the second time of an attempt that runs and has not ended: no fence can know it. */
function settlingTwice(executor: Executor): Executor {
  let last: AttemptRef | null = null;
  return {
    types: executor.types,
    start: (reports) =>
      executor.start({
        ...reports,
        settled: (attempt, outcome: Outcome) => {
          reports.settled(attempt, outcome);
          if (last !== null && last.seq !== attempt.seq) reports.settled(last, outcome);
        },
        progress: (attempt, value) => reports.progress(attempt, value),
        log: (attempt, line) => reports.log(attempt, line)
      }),
    dispatch: (attempts) => {
      last = attempts.at(-1) ?? null;
      executor.dispatch(attempts);
    },
    startWorker: (workerId) => executor.startWorker(workerId),
    stopWorker: (workerId) => executor.stopWorker(workerId),
    abort: (attempt, cause) => executor.abort(attempt, cause),
    reattach: (attempts) => executor.reattach(attempts),
    stop: () => executor.stop()
  };
}
