import type { Clock, FleetConfig, HandlerContext, StoredResult } from '../../src/index.ts';
import type { Findings } from './findings.ts';
import { thrown, unstorable } from './oddities.ts';
import type { Behaviour } from './plan.ts';
import type { Trace } from './trace.ts';
import type { Witness } from './witness.ts';

/** What a task carries: how its attempts behave, and whose data it is. */
export interface TaskData {
  readonly name: string;
  readonly attempts: readonly Behaviour[];
}

/** How an attempt behaves of which the plan says nothing. */
const calm: Behaviour = { does: 'return', ms: 0, obeys: true, oddity: 0 };

/** An attempt under way. */
interface Execution {
  readonly type: string;
  readonly startedAt: number;
  /** When its signal was aborted, monotonic ms; `null`: not yet. */
  abortedAt: number | null;
  /** Ends it as planned, and sooner than planned. */
  end: () => void;
}

/** The widest limits that the fleet ever had: what a config change under way may still be judged by. */
export interface WidestLimits {
  workerTimeout: number;
  cancelGraceMs: number;
  maxStuck: number;
}

/** The handlers' side: runs them as planned, and checks what they are given and what is made of their results. */
export class Attempts {
  readonly #witness: Witness;
  readonly #findings: Findings;
  readonly #trace: Trace;
  readonly #limits: WidestLimits;
  readonly #typeLimits: FleetConfig['typeLimits'];
  /** Starts of each type that has a rate, monotonic ms. */
  readonly #starts = new Map<string, number[]>();
  readonly #started = new Set<string>();
  /** JSON texts that attempts returned, until their result is seen. */
  readonly #returned = new Map<string, string>();
  /** Those of the process that lives. */
  readonly #executing = new Map<string, Execution>();
  readonly #cancelled = new Set<string>();
  #isLettingGo = false;

  /** @param typeLimits - As the plan declares them: none changes them. */
  constructor(
    witness: Witness,
    findings: Findings,
    trace: Trace,
    limits: WidestLimits,
    typeLimits: FleetConfig['typeLimits']
  ) {
    this.#typeLimits = typeLimits;
    this.#witness = witness;
    this.#findings = findings;
    this.#trace = trace;
    this.#limits = limits;
  }

  /** Handlers that run now. */
  get executing(): number {
    return this.#executing.size;
  }

  /** The handler of all tasks, in one process. */
  run(data: TaskData, context: HandlerContext, clock: Clock): unknown {
    const name = nameOf(context.key, context.attempt);
    const execution: Execution = {
      type: context.task.type,
      startedAt: clock.monotonic(),
      abortedAt: null,
      end: () => {}
    };
    this.#executing.set(name, execution);
    this.#trace.add(`start ${name} ${context.workerId} ${clock.monotonic()} ${clock.now()}`);
    this.#checkStart(name, data, context, clock);
    const behaviour = data.attempts[Math.min(context.attempt, data.attempts.length) - 1] ?? calm;
    const settle = (): unknown => {
      this.#executing.delete(name);
      return this.#outcome(behaviour, name, data);
    };
    if (behaviour.does !== 'hang' && behaviour.ms === 0) return settle();
    return this.#wait(behaviour, execution, context, clock).then(settle, (reason: unknown) => {
      this.#executing.delete(name);
      throw reason;
    });
  }

  /** From now on no handler hangs. */
  letGo(): void {
    this.#isLettingGo = true;
    for (const { end } of this.#executing.values()) end();
  }

  /** Handlers end with their process, and what still runs after a stop is no part of the fleet any more. */
  abandon(): void {
    this.#executing.clear();
  }

  /** A cancellation of this batch or task was acknowledged. */
  cancel(id: string): void {
    this.#cancelled.add(id);
  }

  /** A removed batch may be submitted anew. */
  forget(batchId: string): void {
    this.#cancelled.delete(batchId);
    for (const id of this.#cancelled) if (id.startsWith(`${batchId}/`)) this.#cancelled.delete(id);
    for (const name of this.#started) if (name.startsWith(`${batchId}/`)) this.#started.delete(name);
  }

  /** A completed task's result is what the very attempt returned. */
  checkResult({ key, attempts, status, result }: StoredResult): void {
    if (key.startsWith('/')) return;
    const name = nameOf(key, attempts);
    const returned = this.#returned.get(name);
    this.#returned.delete(name);
    if (status !== 'completed') return;
    if (returned === undefined) this.#findings.add('result', `${name} completed, its handler did not`);
    else if (returned !== result) this.#findings.add('result', `${name} returned ${returned}, not ${result}`);
  }

  #checkStart(name: string, data: TaskData, { key, attempt, task }: HandlerContext, clock: Clock): void {
    if (this.#started.has(name)) this.#findings.add('duplicated', `${name} started twice`);
    this.#started.add(name);
    const row = this.#witness.rows.get(key);
    if (row?.state !== 'running' || row.context.attempt !== attempt) {
      const stands = `${row?.state ?? 'not there'}, attempt ${row?.context.attempt ?? 0}`;
      this.#findings.add('duplicated', `${name} started, its row is ${stands}`);
    }
    if (this.#cancelled.has(key) || (task.batchId !== null && this.#cancelled.has(task.batchId))) {
      this.#findings.add('cancelled', `${name} started after it was cancelled`);
    }
    if (data.name !== this.#witness.nameOf(key) && row?.context.retryOf == null) {
      this.#findings.add('result', `${name} was given the data of ${data.name}`);
    }
    this.#checkLimit(name, this.#witness.limitOf(key, attempt), clock.monotonic());
    this.#checkType(name, task.type, clock.monotonic());
  }

  /** Starts within its interval, by a clock that no process shares with another, and handlers at once. */
  #checkType(name: string, type: string, now: number): void {
    const { rate, concurrency = Infinity } = this.#typeLimits[type] ?? {};
    const { cancelGraceMs } = this.#limits;
    const running = [...this.#executing.values()].filter(
      (each) => each.type === type && (each.abortedAt === null || now < each.abortedAt + cancelGraceMs)
    );
    if (running.length > concurrency) {
      this.#findings.add('over limit', `${running.length} of ${type} run with ${name}, ${concurrency} may`);
    }
    if (rate === undefined) return;
    const starts = (this.#starts.get(type) ?? []).filter((at) => now - at < rate.intervalMs);
    starts.push(now);
    this.#starts.set(type, starts);
    if (starts.length <= rate.limit) return;
    this.#findings.add('over limit', `${name} is start ${starts.length} of ${type} in ${rate.intervalMs} ms`);
  }

  /** The wall clock was set: a process that starts next cannot know when the last one started what. */
  forgetStarts(): void {
    this.#starts.clear();
  }

  /** Those that ignore their abort beyond the grace may be many as are allowed to be stuck. */
  #checkLimit(name: string, limit: number, now: number): void {
    if (this.#executing.size <= limit) return;
    const { cancelGraceMs, maxStuck } = this.#limits;
    let stuck = 0;
    for (const { abortedAt } of this.#executing.values()) {
      if (abortedAt !== null && now >= abortedAt + cancelGraceMs) stuck += 1;
    }
    const working = this.#executing.size - Math.min(stuck, maxStuck);
    if (working <= limit) return;
    this.#findings.add('over limit', `${working} run with ${name}, ${limit} may`);
  }

  /** Resolves when the handler ends as planned; rejects when it obeys its abort. */
  #wait(behaviour: Behaviour, execution: Execution, context: HandlerContext, clock: Clock): Promise<void> {
    return new Promise((resolve, reject) => {
      const hangs = behaviour.does === 'hang';
      const alarm = hangs && !this.#isLettingGo ? null : clock.setAlarm(resolve, behaviour.ms);
      execution.end = resolve;
      context.signal.addEventListener('abort', () => {
        execution.abortedAt = clock.monotonic();
        this.#checkAbort(context, execution);
        if (!behaviour.obeys) return;
        alarm?.[Symbol.dispose]();
        reject(context.signal.reason as Error);
      });
    });
  }

  #checkAbort({ key, attempt, signal }: HandlerContext, { startedAt, abortedAt }: Execution): void {
    if (!(signal.reason as Error).message.startsWith('Took longer')) return;
    const limit = this.#witness.rows.get(key)?.context.timeoutMs ?? this.#limits.workerTimeout;
    const tookMs = abortedAt! - startedAt;
    if (tookMs >= limit) return;
    this.#findings.add('early', `${nameOf(key, attempt)} timed out after ${tookMs} ms of ${limit}`);
  }

  #outcome({ does, oddity }: Behaviour, name: string, data: TaskData): unknown {
    switch (does) {
      case 'throw':
        throw thrown[oddity % thrown.length] as Error;
      case 'returnUnstorable':
        return unstorable[oddity % unstorable.length];
      case 'returnFailure':
        return { success: false, error: 'no' };
      case 'return':
      case 'hang': {
        const returned = { name: data.name, attempt: name };
        this.#returned.set(name, JSON.stringify(returned));
        return returned;
      }
    }
  }
}

function nameOf(key: string, attempt: number): string {
  return `${key}#${attempt}`;
}
