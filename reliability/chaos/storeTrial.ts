import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as sqlite from '../../src/stores/sqlite.ts';
import { compiledFolder } from '../compiled.ts';
import { SeededRandom } from '../../src/testing/seededRandom.ts';
import { Callers } from './callers.ts';
import { isAnswer, submittedBatch, type Call, type Lane } from './calls.ts';
import { contendFor } from './contention.ts';
import { nameOf, type Ending } from './endings.ts';
import type { Fault } from './faults.ts';
import { FleetProcess } from './fleetProcess.ts';
import { waysToDie, type WayToDie } from './kinds.ts';
import { Log, readLog, type Entry } from './log.ts';
import { judge, type Verdict } from './oracle/judge.ts';
import type { Finish, Plan } from './plan.ts';
import { bringToEnd, isExpectedEnd } from './processEnd.ts';

/** Follows the id of a call that another caller repeats. */
const again = ' again in ';

export interface TrialOptions {
  /** An empty folder, for the store and the log. */
  readonly folder: string;
  readonly seed: number;
  /** Number of its first process. */
  readonly firstCycle: number;
  readonly endings: readonly Ending[];
  readonly fault: Fault | null;
  /** How long a process may take to end where it was told to, and all that is left to settle, ms. */
  readonly patienceMs: number;
}

/** One store in the hands of one process after the other, each of which ends as its ending says. */
export class StoreTrial {
  readonly #options: TrialOptions;
  /** Of what depends on how far callers came, which no seed decides. */
  readonly #random: SeededRandom;
  readonly #callers: Callers;
  readonly #logPath: string;
  readonly #storePath: string;
  readonly #durability: Plan['durability'];
  readonly #wayToDie: WayToDie;
  /** What callers have not been answered yet. */
  #lanes: readonly Lane[] = [];
  /** What they have been answered. */
  readonly #answered: Call[] = [];

  constructor(options: TrialOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#callers = new Callers(new SeededRandom(options.seed + 1));
    this.#logPath = join(options.folder, 'log.jsonl');
    this.#storePath = join(options.folder, 'fleet.db');
    this.#durability = this.#random.pick(['full', 'process'] as const);
    this.#wayToDie = this.#random.pick(waysToDie);
  }

  /** Everything that has happened so far. */
  get entries(): Entry[] {
    return readLog(this.#logPath);
  }

  async run(): Promise<Verdict> {
    for (const [index, ending] of this.#options.endings.entries()) {
      await this.#live(this.#options.firstCycle + index, ending);
    }
    const reader = await openReader(this.#storePath);
    try {
      return await judge(this.entries, reader);
    } finally {
      await reader.close();
    }
  }

  async #live(cycle: number, ending: Ending): Promise<void> {
    using log = new Log(this.#logPath);
    log.write({ type: 'spawned', cycle, ending: nameOf(ending) });
    const child = new FleetProcess(this.#plan(cycle, ending));
    if (ending.type === 'contend') await this.#contend(child, log);
    await bringToEnd(child, ending, this.#options.patienceMs, this.#random);
    const exit = await child.exit;
    log.write({ type: 'ended', ...exit, isExpected: isExpectedEnd(ending, exit, this.#wayToDie) });
    this.#takeAnswers();
  }

  #plan(cycle: number, ending: Ending): Plan {
    const now = Date.now();
    const scene = ending.type === 'crash' ? this.#callers.scene(ending.point, now) : null;
    const isFinishing = ending.type === 'finish';
    // Now and then callers take their time to ask again; not so one who keeps the whole fleet from running.
    const unanswered = this.#lanes.filter(
      ([next]) => isFinishing || next?.type === 'resume' || this.#random.chance(0.8)
    );
    const postponed = this.#lanes.filter((lane) => !unanswered.includes(lane));
    const lanes = [
      ...unanswered,
      ...(isFinishing ? [] : this.#callers.everyday(now)),
      ...(cycle === this.#options.firstCycle ? [this.#callers.schedule()] : []),
      ...(scene?.lanes ?? []),
      ...(ending.type === 'freeze' ? [this.#callers.timely()] : []),
      ...this.#repetitions(cycle)
    ];
    this.#lanes = [...postponed, ...lanes];
    return {
      storePath: this.#storePath,
      logPath: this.#logPath,
      durability: this.#durability,
      lanes,
      trap: ending.type === 'crash' ? { point: ending.point, pass: this.#passOf(ending.point) } : null,
      terminateWhenBegun: scene?.terminateWhenBegun ?? null,
      drainMs: scene?.drainMs ?? this.#random.pick([50, 5_000]),
      follow: this.#followed(),
      lethal: this.#isLethal(ending) ? { way: this.#wayToDie } : null,
      finish: isFinishing ? this.#finish() : null,
      fault: this.#options.fault
    };
  }

  /** Points that are passed all the time are not always taken the first time. */
  #passOf(point: string): number {
    return /^(submit|claim|handler|completion)/.test(point) ? this.#random.integer(1, 2) : 1;
  }

  /** The fleet with the lethal task is there until it has been judged poison. */
  #isLethal(ending: Ending): boolean {
    const hasPoison = this.#options.endings.some(({ type }) => type === 'poison');
    return ending.type === 'poison' || (ending.type === 'finish' && hasPoison);
  }

  /** Some submissions again, though they were answered: by callers who do not know of the first time. */
  #repetitions(cycle: number): Lane[] {
    const removed = this.#removed();
    const isRepeatable = (call: Call): boolean => {
      const batchId = submittedBatch(call);
      if (call.id.includes(again)) return false;
      if (call.type === 'submitTask' || call.type === 'submitOnce') return true;
      return call.type === 'schedule' || (batchId !== null && !removed.has(batchId));
    };
    return this.#answered
      .filter((call) => isRepeatable(call) && this.#random.chance(0.1))
      .map((call) => [{ ...call, id: `${call.id}${again}${cycle}` }]);
  }

  /** The first batch of this store that was submitted, from where its results were last seen. */
  #followed(): Plan['follow'] {
    const removed = this.#removed();
    const batchId = this.#answered.map(submittedBatch).find((id) => id !== null && !removed.has(id));
    if (batchId == null) return null;
    const last = this.entries.findLast((entry) => entry.type === 'followed');
    return { batchId, afterSettledSeq: last?.settledSeq ?? 0 };
  }

  #finish(): Finish {
    const calls = [...this.#answered, ...this.#lanes.flat()];
    const removed = this.#removed();
    return {
      batchIds: calls.flatMap((call) => submittedBatch(call) ?? []).filter((id) => !removed.has(id)),
      keys: calls.flatMap((call) => (call.type === 'submitTask' ? [call.key] : [])),
      withinMs: this.#options.patienceMs
    };
  }

  /** Lets a second process try to open the store of the first one. */
  async #contend(child: FleetProcess, log: Log): Promise<void> {
    await child.started;
    const told = await contendFor(this.#storePath);
    log.write({ type: 'contended', told, isOwnerAlive: !child.hasEnded, pid: child.pid });
  }

  /** Takes what was answered from what callers still ask for. */
  #takeAnswers(): void {
    const calls = new Map(this.#lanes.flat().map((call) => [call.id, call]));
    for (const entry of this.entries) {
      const call = 'callId' in entry ? calls.get(entry.callId) : undefined;
      if (call === undefined) continue;
      if (entry.type === 'refused' && !isAnswer(call, entry.code)) continue;
      calls.delete(call.id);
      this.#answered.push(call);
    }
    this.#lanes = this.#lanes
      .map((lane) => lane.filter(({ id }) => calls.has(id)))
      .filter((lane) => lane.length > 0);
  }

  /** Batches that are removed, or will be. */
  #removed(): Set<string> {
    const calls = [...this.#answered, ...this.#lanes.flat()];
    return new Set(calls.flatMap((call) => (call.type === 'removeBatch' ? [call.batchId] : [])));
  }
}

/** A reader from the compiled library, whose thread starts without a loader. */
async function openReader(path: string): Promise<ReturnType<typeof sqlite.sqliteReader>> {
  const module = pathToFileURL(join(compiledFolder(), 'src/stores/sqlite.js')).href;
  const { sqliteReader } = (await import(module)) as typeof sqlite;
  return sqliteReader(path);
}
