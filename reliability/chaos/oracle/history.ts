import { isAnswer, isCutOff, type Call } from '../calls.ts';
import { crashPoints } from '../crashPoints.ts';
import type { Entry } from '../log.ts';
import { lethalKey, mainConfig } from '../plan.ts';
import type { Asked } from './asked.ts';
import type { Problem } from './problem.ts';
import { nominalTime } from './firings.ts';
import { SwitchState } from './switchState.ts';

type EntryOf<TType extends Entry['type']> = Extract<Entry, { type: TType }>;

/** Reads the log of a store from its first entry to its last, and says where something happened that must not. */
export function checkHistory(entries: readonly Entry[], asked: Asked): Problem[] {
  const history = new History(asked);
  for (const entry of entries) history.read(entry);
  return history.problems;
}

class History {
  readonly problems: Problem[] = [];
  readonly #asked: Asked;
  readonly #calls = new Map<string, Call>();
  readonly #workers = new SwitchState<number>(mainConfig.maxConcurrentWorkers);
  readonly #operation = new SwitchState<'running' | 'paused'>('running');
  readonly #batches = new Map<string, SwitchState<'running' | 'paused'>>();
  /** Acknowledged so far. */
  readonly #cancelled = new Set<string>();
  readonly #attempts = new Set<string>();
  readonly #running = new Set<string>();
  readonly #settled = new Set<string>();
  /** Tasks whose handler has had its effect. */
  readonly #effects = new Set<string>();
  /** By idempotency key: the key that was answered first. */
  readonly #holders = new Map<string, string>();
  readonly #retryAt = new Map<string, number>();
  /** How the process is to end. */
  #ending = '';
  /** It has come to its crash point. */
  #hasCrashed = false;
  /** It has stopped its fleet. */
  #hasStopped = false;

  constructor(asked: Asked) {
    this.#asked = asked;
  }

  read(entry: Entry): void {
    switch (entry.type) {
      case 'ended':
        return this.#end(entry);
      case 'contended':
        return this.#contend(entry);
      case 'asked':
        return this.#ask(entry.call);
      case 'acknowledged':
        return this.#acknowledge(entry);
      case 'refused':
        return this.#refuse(entry);
      case 'started':
        return this.#start(entry);
      case 'began':
        return this.#begin(entry);
      case 'left':
        // One that ignores its abort is given up after the grace: its place may be taken.
        this.#running.delete(attemptOf(entry));
        return;
      case 'retrying':
        this.#retryAt.set(entry.key, entry.retryAt);
        return;
      case 'settled':
        if (this.#settled.has(entry.key)) this.#report('duplicated', `${entry.key} settled again`, entry.key);
        this.#settled.add(entry.key);
        return;
      case 'unhandled':
        return this.#report('unhandled', entry.error);
      case 'unsettled':
        return this.#report('stuck', `${entry.what}: ${entry.error}`);
      case 'spawned':
        this.#ending = entry.ending;
        this.#hasCrashed = false;
        this.#hasStopped = false;
        return;
      case 'crashed':
        this.#hasCrashed = true;
        return;
      case 'stopped':
        this.#hasStopped = true;
        if (entry.resources.length > 0)
          this.#report('leaked', `left after the stop: ${entry.resources.join(', ')}`);
        return;
      case 'effect':
        this.#effects.add(entry.key);
        return;
      case 'removing':
      case 'followed':
      case 'finished':
    }
  }

  #end({ code, signal, stderr, isExpected }: EntryOf<'ended'>): void {
    this.#running.clear();
    const isCrash = (crashPoints as readonly string[]).includes(this.#ending);
    if (!isExpected) this.#report('wrong', `ended with code ${code}, signal ${signal}: ${stderr}`);
    else if (isCrash && signal === 'SIGKILL' && !this.#hasCrashed) {
      this.#report('wrong', `came to no end and not to "${this.#ending}"`);
    } else if (!this.#hasStopped && (code === 0 || signal === 'SIGTERM')) {
      this.#report('wrong', 'ended before it had stopped');
    } else if (code === 0 && stderr !== '') this.#report('wrong', `wrote to standard error: ${stderr}`);
  }

  #contend({ told, pid, isOwnerAlive }: EntryOf<'contended'>): void {
    const isRefused = told.startsWith('ERR_LOCKED') && new RegExp(`\\bprocess ${pid}\\b`).test(told);
    if (isOwnerAlive && !isRefused)
      this.#report('wrong', `a second process was told "${told}", not of ${pid}`);
  }

  #ask(call: Call): void {
    this.#calls.set(call.id, call);
    if (call.type === 'scaleWorkers') this.#workers.ask(call.id, call.count);
    if (call.type === 'pause' || call.type === 'resume') this.#operation.ask(call.id, stateAfter(call.type));
    if (call.type === 'pauseBatch' || call.type === 'resumeBatch') {
      this.#batch(call.batchId).ask(call.id, stateAfter(call.type));
    }
  }

  #acknowledge({ callId, value }: EntryOf<'acknowledged'>): void {
    const call = this.#calls.get(callId)!;
    const handle = handleOf(call);
    if (handle !== null && value !== handle) {
      this.#report('wrong', `${call.type} of ${handle} was answered ${JSON.stringify(value)}`);
    }
    if (call.type === 'submitOnce') {
      const key = JSON.stringify(value);
      const first = this.#holders.get(call.idempotencyKey) ?? key;
      this.#holders.set(call.idempotencyKey, first);
      if (key !== first) this.#report('duplicated', `${call.idempotencyKey} is ${key}, and was ${first}`);
    }
    if (value === true && call.type === 'cancelBatch') this.#cancelled.add(call.batchId);
    if (value === true && call.type === 'cancelTask') this.#cancelled.add(call.key);
    this.#workers.acknowledge(callId);
    this.#operation.acknowledge(callId);
    for (const batch of this.#batches.values()) batch.acknowledge(callId);
  }

  #refuse({ callId, code, message }: EntryOf<'refused'>): void {
    const call = this.#calls.get(callId);
    if (isCutOff(code)) return;
    if (call && 'batchId' in call) this.#batches.get(call.batchId)?.refuse(callId);
    if (call === undefined || !isAnswer(call, code)) {
      this.#report('wrong', `${call?.type ?? callId} was refused: ${code} ${message}`);
    }
  }

  #start({ operation, workers }: EntryOf<'started'>): void {
    if (!this.#workers.mayBe(workers)) {
      this.#report(
        'wrong',
        `started with ${workers} workers, not ${[...this.#workers.possible].join(' or ')}`
      );
    }
    if (!this.#operation.mayBe(operation as 'running' | 'paused')) {
      this.#report('wrong', `started ${operation}, not ${[...this.#operation.possible].join(' or ')}`);
    }
  }

  #begin(entry: EntryOf<'began'>): void {
    const { key, at } = entry;
    const attempt = attemptOf(entry);
    const task = this.#asked.tasks.get(key);
    const batchId = batchIdOf(key);
    // Of another fleet, which is judged by itself.
    if (key === lethalKey) return;
    if (this.#attempts.has(attempt)) this.#report('duplicated', `${attempt} began twice`, key);
    this.#attempts.add(attempt);
    if (this.#settled.has(key)) this.#report('duplicated', `${attempt} began after it had settled`, key);
    if (this.#cancelled.has(key) || (batchId !== null && this.#cancelled.has(batchId))) {
      this.#report('wrong', `${attempt} began after its cancellation was acknowledged`, key);
    }
    if (!this.#operation.mayBe('running'))
      this.#report('wrong', `${attempt} began while the fleet was paused`, key);
    if (batchId !== null && !this.#batch(batchId).mayBe('running')) {
      this.#report('wrong', `${attempt} began while its batch was paused`, key);
    }
    const early = task?.dependsOn.find((other) => !this.#effects.has(other));
    if (early !== undefined) this.#report('wrong', `${attempt} began before ${early} had its effect`, key);
    const dueAt = Math.max(this.#retryAt.get(key) ?? 0, task?.startAfter ?? 0, nominalTime(key));
    if (at < dueAt) this.#report('wrong', `${attempt} began ${dueAt - at} ms before its time`, key);
    this.#running.add(attempt);
    const limit = Math.max(...this.#workers.possible);
    if (this.#running.size > limit) {
      this.#report(
        'overLimit',
        `${this.#running.size} handlers ran when ${attempt} began (${[...this.#running].join(', ')}); the limit is ${limit}`,
        key
      );
    }
  }

  #batch(batchId: string): SwitchState<'running' | 'paused'> {
    let state = this.#batches.get(batchId);
    if (state === undefined) this.#batches.set(batchId, (state = new SwitchState('running')));
    return state;
  }

  #report(count: Problem['count'], text: string, key?: string): void {
    this.problems.push({ count, text, ...(key !== undefined && { key }) });
  }
}

function stateAfter(type: 'pause' | 'resume' | 'pauseBatch' | 'resumeBatch'): 'running' | 'paused' {
  return type.startsWith('pause') ? 'paused' : 'running';
}

/** What the caller has to be given; `null`: nothing that could be wrong. */
function handleOf(call: Call): string | null {
  switch (call.type) {
    case 'submitArray':
    case 'submitStream':
      return call.batchId;
    case 'submitTask':
      return call.key;
    case 'retryBatch':
      return call.newBatchId;
    default:
      return null;
  }
}

function attemptOf({ key, attempt }: { readonly key: string; readonly attempt: number }): string {
  return `${key} attempt ${attempt}`;
}

function batchIdOf(key: string): string | null {
  const slash = key.indexOf('/');
  return slash === -1 ? null : key.slice(0, slash);
}
