import type { JoinedWorker } from '../../executor.ts';
import { heartbeatsUntilGone, protocolVersion, type WorkerEntry } from './protocol.ts';
import type { StreamEntry } from './newsReader.ts';
import type { RegisteredEntry, Survey } from './registry.ts';
import { WorkerPace } from './workerPace.ts';

/** What a look at the registry showed. */
export type RosterNews =
  | { readonly type: 'joined'; readonly worker: JoinedWorker }
  | { readonly type: 'draining'; readonly workerId: string }
  | { readonly type: 'heard'; readonly workerId: string }
  /** It has ended as it was asked to. */
  | { readonly type: 'left'; readonly workerId: string }
  /** It is not renewing its entry any more, or the entry is not there. */
  | { readonly type: 'gone'; readonly workerId: string; readonly reason: string };

/**
 * What the fleet knows of its workers, from one look at the registry to the next.
 *
 * A worker is gone when it was not heard for {@link heartbeatsUntilGone} of its heartbeats, counted only while the registry
 * could be read: the time between two looks counts for at most twice what is usual, so that neither a Redis that was away
 * nor a fleet that stood still makes all workers vanish at once.
 */
export class WorkerRoster {
  readonly #prefetch: number | null;
  readonly #usualGapMs: number;
  readonly #workers = new Map<string, Known>();
  /** Ms for which the registry could be read. */
  #watchedMs = 0;
  #lookedAt: number | null = null;

  /** @param prefetch - Attempts beyond its concurrency that each worker is given; `null`: as its pace says. */
  constructor(prefetch: number | null, usualGapMs: number) {
    this.#prefetch = prefetch;
    this.#usualGapMs = usualGapMs;
  }

  /** Those that are there, whatever they say of themselves. */
  get ids(): IterableIterator<string> {
    return this.#workers.keys();
  }

  has(workerId: string): boolean {
    return this.#workers.has(workerId);
  }

  /** Whether it takes attempts. */
  isReady(workerId: string): boolean {
    const known = this.#workers.get(workerId);
    return known?.isJoined === true && known.entry.state === 'ready';
  }

  /** Whether it was heard of late enough that there is nothing to ask. */
  isFresh(workerId: string): boolean {
    const known = this.#workers.get(workerId);
    return (
      known !== undefined && this.#watchedMs - known.heardAt < 2 * known.entry.heartbeatMs + this.#usualGapMs
    );
  }

  /** @param monotonicNow - When the survey was made, ms. */
  take({ now, workers }: Survey, monotonicNow: number): RosterNews[] {
    const gapMs = monotonicNow - (this.#lookedAt ?? monotonicNow);
    this.#watchedMs += Math.min(gapMs, 2 * this.#usualGapMs);
    this.#lookedAt = monotonicNow;
    const news: RosterNews[] = [];
    for (const [workerId, registered] of workers) this.#look(workerId, registered, now, news);
    for (const [workerId, { isJoined }] of this.#workers) {
      if (workers.has(workerId)) continue;
      this.#workers.delete(workerId);
      const reason = `Worker ${workerId} is not in the registry any more: Redis lost it, or another manager crossed it out`;
      if (isJoined) news.push({ type: 'gone', workerId, reason });
    }
    return news;
  }

  /**
   * Follows the pace of a worker.
   *
   * @returns What is to be told of it where it is to have more ahead, or less; `null`: nothing.
   */
  read(workerId: string, entries: readonly StreamEntry[]): RosterNews | null {
    const known = this.#workers.get(workerId);
    if (known === undefined || this.#prefetch !== null || !known.pace.take(entries)) return null;
    return this.isReady(workerId) ? this.#joined(known) : null;
  }

  #look(workerId: string, { entry, beatAt }: RegisteredEntry, now: number, news: RosterNews[]): void {
    const known = this.#workers.get(workerId);
    if (entry.state === 'left') {
      this.#workers.delete(workerId);
      news.push({ type: 'left', workerId });
      return;
    }
    if (known === undefined) {
      // One whose entry is old may have died while no fleet was there: it is waited for.
      const isJoined = now - beatAt < entry.heartbeatMs * heartbeatsUntilGone;
      const pace = new WorkerPace(entry.concurrency);
      const newcomer = { entry, beatAt, heardAt: this.#watchedMs, isJoined, pace };
      this.#workers.set(workerId, newcomer);
      if (isJoined) this.#tellOf(newcomer, news);
      return;
    }
    if (beatAt !== known.beatAt) {
      const isOther = !known.isJoined || JSON.stringify(known.entry) !== JSON.stringify(entry);
      Object.assign(known, { entry, beatAt, heardAt: this.#watchedMs, isJoined: true });
      if (isOther) this.#tellOf(known, news);
      else news.push({ type: 'heard', workerId });
      return;
    }
    const silentMs = this.#watchedMs - known.heardAt;
    if (silentMs < known.entry.heartbeatMs * heartbeatsUntilGone) return;
    this.#workers.delete(workerId);
    const reason = `Worker ${workerId} (process ${entry.pid} of ${entry.host}) was not heard for ${Math.round(silentMs)} ms`;
    news.push({ type: 'gone', workerId, reason });
  }

  #tellOf(known: Known, news: RosterNews[]): void {
    const { workerId, state } = known.entry;
    news.push(this.#joined(known));
    if (state === 'draining') news.push({ type: 'draining', workerId });
  }

  #joined({ entry, pace }: Known): RosterNews {
    const { workerId, concurrency, tags, types, protocol } = entry;
    const problem =
      protocol === protocolVersion
        ? null
        : `It speaks version ${protocol} of the protocol, the fleet version ${protocolVersion}: update the older one`;
    const prefetch = this.#prefetch ?? pace.ahead;
    return { type: 'joined', worker: { workerId, concurrency, prefetch, tags, types, problem } };
  }
}

interface Known {
  entry: WorkerEntry;
  beatAt: number;
  /** In {@link WorkerRoster}'s watched time. */
  heardAt: number;
  /** Whether the fleet was told of it. */
  isJoined: boolean;
  readonly pace: WorkerPace;
}
