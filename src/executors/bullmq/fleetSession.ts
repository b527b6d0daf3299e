import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { AttemptRef, Outcome } from '../../../machines/task.ts';
import type { Clock } from '../../clock.ts';
import type { AbortCause, Attempt, ExecutorReports, HeldAttempt, Reattachment } from '../../executor.ts';
import { attemptKey } from '../../ledger/roster.ts';
import { AttemptAborts } from './attemptAborts.ts';
import { Backoff } from './backoff.ts';
import type { ResolvedBullmqOptions } from './bullmqOptions.ts';
import { Complaint } from './complaint.ts';
import type { FleetKeys } from './fleetKeys.ts';
import { GivenAttempts, type Given } from './givenAttempts.ts';
import { JobSender } from './jobSender.ts';
import { KnownResults } from './knownResults.ts';
import { NewsReader, readBlocksMs, type StreamEntry } from './newsReader.ts';
import { readOutcome } from './outcomeText.ts';
import { jobIdOf, newsEvent, type WorkerNews } from './protocol.ts';
import { connect, serverOf } from './redis.ts';
import { Registry, type Survey } from './registry.ts';
import { leftoverMs, WorkerQueues, type FoundJob } from './workerQueues.ts';
import { WorkerRoster, type RosterNews } from './workerRoster.ts';

/** Jobs that one look for missed events takes. */
const lookedAtOnce = 1_000;
/** How often results that nobody takes are looked for, ms; more often where they stay for less. */
const cleaningMs = 60_000;
/** How long Redis may leave a command unanswered, ms: then the connection is made anew. */
export const socketTimeoutMs = 15_000;
/** How long a stop waits for what it told Redis last, ms. */
const lastWordMs = 1_000;

/** What a fleet has of its workers elsewhere from one start of its executor to the stop: who is there, and what each was given. */
export class FleetSession {
  readonly #options: ResolvedBullmqOptions;
  readonly #clock: Clock;
  readonly #redis: Redis;
  readonly #blocked: Redis;
  readonly #reports: () => ExecutorReports | null;
  readonly #run = randomBytes(5).toString('hex');
  readonly #given = new GivenAttempts();
  readonly #queues: WorkerQueues;
  readonly #registry: Registry;
  readonly #roster: WorkerRoster;
  readonly #sender: JobSender;
  readonly #aborts: AttemptAborts;
  readonly #reader: NewsReader;
  readonly #known: KnownResults;
  /** Workers that were asked for a heartbeat, and owe it. */
  readonly #asked = new Set<string>();
  /** Workers that are gone, of which the fleet is not told yet. */
  readonly #buried = new Set<string>();
  /** When the streams of workers that are gone are not read any more, monotonic ms. */
  readonly #leftovers = new Map<string, number>();
  readonly #pauses = new Set<Backoff>();
  /** When results that nobody takes were looked for last, monotonic ms. */
  #cleanedAt: number;
  #poll: Disposable | null = null;
  #isPolling = false;
  #mustPollAgain = false;
  readonly #awayComplaint: Complaint;
  /** Redis did not answer the last look. */
  #isAway = false;
  #hasEnded = false;

  constructor(
    options: ResolvedBullmqOptions,
    keys: FleetKeys,
    clock: Clock,
    redis: Redis,
    reports: () => ExecutorReports | null
  ) {
    this.#options = options;
    this.#clock = clock;
    this.#cleanedAt = clock.monotonic();
    this.#redis = redis;
    this.#reports = reports;
    this.#blocked = connect(options.address, {
      maxRetriesPerRequest: 0,
      socketTimeout: readBlocksMs + socketTimeoutMs
    });
    const server = serverOf(options.address);
    this.#awayComplaint = new Complaint(`${server} does not answer the fleet ${options.fleet}`);
    this.#queues = new WorkerQueues(redis, keys);
    this.#registry = new Registry(redis, keys);
    this.#roster = new WorkerRoster(options.prefetch, options.pollMs);
    this.#sender = new JobSender({
      clock,
      add: (givens) => this.#queues.add(givens),
      complaint: new Complaint(`${server} takes no attempts of the fleet ${options.fleet}`),
      isOpen: (given) => this.#given.has(given),
      onSent: (givens) => this.#sent(givens),
      onUnsent: (given) => this.#aborts.bring(given)
    });
    this.#aborts = new AttemptAborts({
      redis,
      keys,
      queues: this.#queues,
      isOpen: (given) => this.#given.has(given),
      onTakenOut: (given) => this.#return(given),
      untilDone: (act, isWanted) => this.#untilDone(act, isWanted)
    });
    this.#reader = new NewsReader({
      blocked: this.#blocked,
      redis,
      keys,
      clock,
      take: (workerId, entries) => this.#read(workerId, entries),
      onRegistryChanged: () => this.#pollSoon()
    });
    this.#known = new KnownResults(
      (workerId, jobIds, upTo) => this.#queues.forget(workerId, jobIds, upTo),
      reports
    );
  }

  begin(): void {
    this.#reader.start();
    void this.#pollOnce();
  }

  /** In bounded time, also with Redis away. What workers have they keep. */
  async end(): Promise<void> {
    this.#hasEnded = true;
    this.#poll?.[Symbol.dispose]();
    for (const pause of this.#pauses) pause.end();
    this.#sender.stop();
    this.#reader.stop();
    this.#blocked.disconnect();
    this.#queues.close();
    let alarm: Disposable | undefined;
    const late = new Promise<void>((resolve) => (alarm = this.#clock.setAlarm(resolve, lastWordMs)));
    // What was told before is through when the answer to this is there.
    await Promise.race([this.#redis.ping().then(noAnswer, noAnswer), late]);
    alarm?.[Symbol.dispose]();
    this.#redis.disconnect();
  }

  dispatch(attempts: readonly Attempt[]): void {
    const sent: Given[] = [];
    const refused: Attempt[] = [];
    for (const attempt of attempts) {
      const { seq, attempt: number, workerId } = attempt;
      const ref = { seq, attempt: number };
      const isBuried = this.#buried.has(workerId);
      if (!isBuried && !this.#roster.isReady(workerId)) {
        refused.push(attempt);
        continue;
      }
      const given: Given = {
        ref,
        jobId: jobIdOf(ref, this.#run),
        workerId,
        attempt,
        state: 'waiting',
        abortCause: null,
        lookedAt: 0,
        isUnlocked: false,
        isUnwanted: false
      };
      this.#given.add(given);
      // It goes back when the fleet is told that the worker is gone, and not before: it would be given to it again.
      if (!isBuried) sent.push(given);
    }
    if (sent.length > 0) this.#sender.send(sent);
    if (refused.length > 0) queueMicrotask(() => this.#refuse(refused));
  }

  abort(ref: AttemptRef, cause: AbortCause): void {
    const given = this.#given.of(ref);
    if (given === undefined || given.abortCause !== null) return;
    given.abortCause = cause;
    if (given.state === 'waiting') this.#return(given);
    else if (given.state !== 'sending') this.#aborts.bring(given);
  }

  async reattach(attempts: readonly HeldAttempt[]): Promise<readonly Reattachment[]> {
    const byWorker = new Map<string, HeldAttempt[]>();
    for (const held of attempts) byWorker.set(held.workerId, [...(byWorker.get(held.workerId) ?? []), held]);
    const { workers } = await this.#registry.survey();
    // Read from before the look, so that no end falls between.
    await this.#reader.follow([...byWorker.keys()].filter((workerId) => workers.has(workerId)));
    const jobIds = new Map<string, string>();
    for (const [workerId, held] of byWorker) {
      for (const [key, jobId] of await this.#queues.jobIdsOf(workerId, held)) jobIds.set(key, jobId);
    }
    const known = attempts.filter((held) => jobIds.has(attemptKey(held)));
    const looks = await this.#queues.look(
      known.map((held) => ({ workerId: held.workerId, jobId: jobIds.get(attemptKey(held))! }))
    );
    const found = new Map(known.map((held, index) => [attemptKey(held), looks[index]!]));
    return attempts.map((held) => {
      const key = attemptKey(held);
      const jobId = jobIds.get(key);
      const isThere = workers.has(held.workerId) && workers.get(held.workerId)!.entry.state !== 'left';
      return this.#reattach(held, jobId, found.get(key) ?? { status: 'missing' }, isThere);
    });
  }

  probe(workerId: string): void {
    // While Redis is away nobody can answer, and nobody is to blame.
    if (!this.#isAway && !this.#roster.isFresh(workerId)) this.#asked.add(workerId);
    else queueMicrotask(() => this.#reports()?.heartbeat(workerId));
  }

  /**
   * Gives back what came for workers that drain or are gone. The fleet was told, but for what was on its way; to be sure that
   * it gives a worker which is not there nothing more, it is told again.
   */
  #refuse(attempts: readonly Attempt[]): void {
    const reports = this.#reports();
    for (const { seq, attempt } of attempts) reports?.returned({ seq, attempt });
    for (const workerId of new Set(attempts.map((attempt) => attempt.workerId))) {
      if (this.#roster.has(workerId) || this.#buried.has(workerId)) continue;
      reports?.workerLost(workerId, `Worker ${workerId} is not there any more`);
    }
  }

  #reattach(
    { seq, attempt, workerId }: HeldAttempt,
    jobId: string | undefined,
    job: FoundJob,
    isThere: boolean
  ): Reattachment {
    const ref = { seq, attempt };
    if (jobId === undefined || job.status === 'missing' || job.status === 'failed') return { status: 'lost' };
    if (job.status === 'settled') {
      this.#known.add({ workerId, jobId });
      return { status: 'settled', outcome: job.outcome };
    }
    if (!isThere) return { status: 'lost' };
    this.#given.add({
      ref,
      jobId,
      workerId,
      attempt: null,
      state: 'sent',
      abortCause: null,
      // The first look tells whether it has begun.
      lookedAt: 0,
      isUnlocked: false,
      isUnwanted: false
    });
    return { status: 'running' };
  }

  #sent(givens: readonly Given[]): void {
    const now = this.#clock.monotonic();
    for (const given of givens) {
      if (given.isUnwanted) void this.#queues.remove(given).catch(noAnswer);
      if (!this.#given.has(given)) continue;
      if (given.state === 'sending') given.state = 'sent';
      given.lookedAt = now;
      if (given.abortCause !== null) this.#aborts.bring(given);
    }
  }

  /** Nobody runs it. */
  #return(given: Given): void {
    if (!this.#given.remove(given)) return;
    given.isUnwanted = given.state === 'sending';
    this.#reports()?.returned(given.ref);
  }

  #settle(given: Given, outcome: Outcome): void {
    if (!this.#given.remove(given)) return;
    this.#reports()?.settled(given.ref, outcome);
    this.#known.add(given);
    if (given.abortCause !== null) void this.#aborts.forget(given);
  }

  #lose(given: Given, reason: string): void {
    if (!this.#given.giveUp(given)) return;
    given.isUnwanted = given.state === 'sending';
    this.#reports()?.lost(given.ref, reason);
  }

  #begun(given: Given): void {
    if (given.state === 'started') return;
    given.state = 'started';
    given.lookedAt = this.#clock.monotonic();
    // One that is to end has no time to be armed, and its handler may never be called.
    if (given.abortCause === null) this.#reports()?.started(given.ref);
  }

  #read(workerId: string, entries: readonly StreamEntry[]): void {
    const active: string[] = [];
    for (const { fields } of entries) {
      const { event, jobId = '' } = fields;
      if (event === 'active') active.push(jobId);
      else if (event === 'completed') this.#completed(workerId, jobId, fields['returnvalue'] ?? '');
      else if (event === 'failed') {
        const given = this.#given.ofJob(jobId);
        if (given) this.#lose(given, `BullMQ gave it up: ${fields['failedReason']}`);
      } else if (event === newsEvent) this.#hear(jobId, fields['news'] ?? '');
    }
    // An attempt that ended in the same read is not told to have begun.
    for (const jobId of active) {
      const given = this.#given.ofJob(jobId);
      if (given) this.#begun(given);
    }
    this.#known.readUpTo(workerId, entries.at(-1)!.id);
    const news = this.#roster.read(workerId, entries);
    if (news !== null) this.#take(news);
  }

  #completed(workerId: string, jobId: string, returnvalue: string): void {
    const given = this.#given.ofJob(jobId);
    if (given) return this.#settle(given, readOutcome(returnvalue));
    const late = this.#given.takeOver(jobId);
    if (late === undefined) return;
    this.#reports()?.settled(late, readOutcome(returnvalue));
    this.#known.add({ workerId, jobId });
  }

  #hear(jobId: string, text: string): void {
    let news: WorkerNews;
    try {
      news = JSON.parse(text) as WorkerNews;
    } catch {
      return;
    }
    if (news.type === 'detached') {
      const { of, error, hasFailed } = news;
      // What code throws after the attempt is over is a second outcome, which the fleet counts.
      if (!hasFailed) this.#reports()?.settled(of, { status: 'failed', error });
      this.#reports()?.detached(of, error, hasFailed);
      return;
    }
    const given = this.#given.ofJob(jobId);
    if (given === undefined) return;
    // BullMQ tells that it has begun in the same read, as far as it is not told yet.
    if (news.type !== 'unlocked') this.#begun(given);
    if (news.type === 'progress') this.#reports()?.progress(given.ref, news.value);
    else if (news.type === 'log') this.#reports()?.log(given.ref, String(news.line));
    else
      this.#lose(
        given,
        `Worker ${given.workerId} lost its lock: Redis was away, or the process stood still, for too long`
      );
  }

  #pollSoon(): void {
    if (this.#isPolling) this.#mustPollAgain = true;
    else void this.#pollOnce();
  }

  /** Looks who is there, and what became of attempts of which nothing was heard. */
  async #pollOnce(): Promise<void> {
    this.#poll?.[Symbol.dispose]();
    this.#isPolling = true;
    this.#mustPollAgain = false;
    try {
      const survey = await this.#survey();
      await this.#lookForMissed();
      await this.#clean(survey);
      this.#isAway = false;
      this.#awayComplaint.isOver();
    } catch (error) {
      this.#isAway = true;
      if (!this.#hasEnded) this.#awayComplaint.of(error);
    }
    this.#isPolling = false;
    if (this.#hasEnded) return;
    const delayMs = this.#mustPollAgain ? 0 : this.#options.pollMs;
    this.#poll = this.#clock.setAlarm(() => void this.#pollOnce(), delayMs);
  }

  async #survey(): Promise<Survey> {
    const survey = await this.#registry.survey();
    await this.#reader.follow([...survey.workers.keys()]);
    if (this.#hasEnded) return survey;
    const now = this.#clock.monotonic();
    for (const news of this.#roster.take(survey, now)) this.#take(news);
    for (const [workerId, untilMs] of this.#leftovers) {
      if (now < untilMs) continue;
      this.#leftovers.delete(workerId);
      this.#reader.unfollow(workerId);
      this.#known.dropWorker(workerId);
    }
    return survey;
  }

  #take(news: RosterNews): void {
    const reports = this.#reports();
    switch (news.type) {
      case 'joined':
        reports?.joined(news.worker);
        return this.#answer(news.worker.workerId);
      case 'heard':
        return this.#answer(news.workerId);
      case 'draining':
        reports?.draining(news.workerId);
        return void this.#takeBack(news.workerId);
      case 'left':
        return void this.#bury(news.workerId, null);
      case 'gone':
        return void this.#bury(news.workerId, news.reason);
    }
  }

  #answer(workerId: string): void {
    if (this.#asked.delete(workerId)) this.#reports()?.heartbeat(workerId);
  }

  /** Takes back what a worker has not begun. */
  async #takeBack(workerId: string): Promise<void> {
    for (const given of this.#given.ofWorker(workerId)) {
      if (given.state === 'waiting') this.#return(given);
      else if (given.state !== 'started') {
        void this.#untilDone(
          async () => void ((await this.#queues.remove(given)) && this.#return(given)),
          () => this.#given.has(given)
        );
      }
    }
  }

  /**
   * Ends what a worker had: what it ended is settled, what it had not begun is returned, the rest is lost.
   *
   * @param reason - Why it is gone; `null`: it has ended as it was asked to.
   */
  async #bury(workerId: string, reason: string | null): Promise<void> {
    this.#asked.delete(workerId);
    this.#buried.add(workerId);
    const looks = new Map<Given, FoundJob>();
    const takenOut = new Set<Given>();
    await this.#untilDone(async () => {
      // Before anything else: a worker that only stood still begins nothing more once it looks.
      await this.#registry.crossOut(workerId);
      const givens = this.#given.ofWorker(workerId);
      const found = await this.#queues.look(givens);
      for (const [index, given] of givens.entries()) {
        looks.set(given, found[index]!);
        if (found[index]!.status === 'waiting' && (await this.#queues.remove(given))) takenOut.add(given);
      }
    });
    if (this.#hasEnded) return;
    // In one go with the end of the worker: between the two, the fleet would give it the same again.
    for (const given of this.#given.ofWorker(workerId)) {
      const job = looks.get(given);
      if (job?.status === 'settled') this.#settle(given, job.outcome);
      else if (given.state === 'waiting' || takenOut.has(given)) this.#return(given);
      else this.#lose(given, reason ?? `Worker ${workerId} has ended`);
    }
    this.#buried.delete(workerId);
    if (reason === null) this.#reports()?.left(workerId);
    else this.#reports()?.workerLost(workerId, reason);
    this.#leftovers.set(workerId, this.#clock.monotonic() + leftoverMs);
    await this.#untilDone(() => this.#queues.abandon(workerId));
  }

  async #lookForMissed(): Promise<void> {
    const now = this.#clock.monotonic();
    const givens = this.#given.notHeardSince(now - this.#options.pollMs, lookedAtOnce);
    const looks = await this.#queues.look(givens);
    for (const [index, given] of givens.entries()) {
      this.#given.looked(given, now);
      this.#judge(given, looks[index]!);
    }
  }

  /** Removes results that nobody has taken for too long: those of a store that is gone, or of zombies. */
  async #clean({ now, workers }: Survey): Promise<void> {
    const { resultTtlMs } = this.#options;
    const monotonicNow = this.#clock.monotonic();
    // Not at the start: the fleet asks then what became of its attempts.
    if (monotonicNow - this.#cleanedAt < Math.min(resultTtlMs, cleaningMs)) return;
    this.#cleanedAt = monotonicNow;
    const isAwaited = (jobId: string): boolean => this.#given.ofJob(jobId) !== undefined;
    const before = now - resultTtlMs;
    await Promise.all([...workers.keys()].map((id) => this.#queues.removeEnded(id, before, isAwaited)));
  }

  #judge(given: Given, job: FoundJob): void {
    switch (job.status) {
      case 'settled':
        return this.#settle(given, job.outcome);
      case 'missing':
        return this.#lose(given, 'Its job is not in Redis any more: Redis lost it, or somebody removed it');
      case 'failed':
        return this.#lose(given, `BullMQ gave it up: ${job.reason}`);
      case 'waiting':
        return;
      case 'active':
        if (this.#given.has(given)) this.#begun(given);
        if (job.isLocked) given.isUnlocked = false;
        // It may have ended between two commands of the look.
        else if (!given.isUnlocked) given.isUnlocked = true;
        else this.#lose(given, `Worker ${given.workerId} lost its lock, and BullMQ takes no outcome of it`);
    }
  }

  /** Tries until it does not fail, or is not wanted any more. */
  async #untilDone(act: () => Promise<void>, isWanted: () => boolean = () => true): Promise<void> {
    const pause = new Backoff(this.#clock);
    this.#pauses.add(pause);
    while (!this.#hasEnded && isWanted()) {
      try {
        await act();
        break;
      } catch {
        if (!this.#hasEnded) await pause.pause();
      }
    }
    this.#pauses.delete(pause);
  }
}

function noAnswer(): void {}
