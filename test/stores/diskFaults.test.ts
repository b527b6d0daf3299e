import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { whyNoFaultyDisk, type DiskFault } from '../../reliability/disk/faultyDisk.ts';
import { checkIntegrity, readFleet } from '../../reliability/powercut/foundFleet.ts';
import type { SqliteOptions } from '../../src/stores/sqlite.ts';
import { loadSqlite } from '../../src/stores/sqlite/library.ts';
import { needing } from '../missing.ts';
import { temporaryPath } from './directory.ts';
import { RemoteFleet, type Submission } from './diskFaults/remoteFleet.ts';

const missing = whyNoFaultyDisk();

const openDatabase = await loadSqlite();

let remote: RemoteFleet;
let path: string;

/** Starts a fleet in a process with a disk that does not fail yet. */
async function startFleet(options?: SqliteOptions): Promise<void> {
  path = temporaryPath();
  remote = new RemoteFleet(dirname(path));
  expect(await remote.start(path, options)).toBe('started');
}

afterEach(() => remote.kill());

/** Submits until the store is unavailable; resolves with all that was submitted, once it is answered. */
async function submitUntilUnavailable(): Promise<Map<string, Promise<Submission>>> {
  // Should it never be, the fleet of the next test gets none of these.
  const fleet = remote;
  const submissions = new Map<string, Promise<Submission>>();
  const isUnavailable = fleet.heard('store.unavailable').then(() => true);
  for (let number = 1; ; number++) {
    const submission = fleet.submit(`during-${number}`);
    submissions.set(`during-${number}`, submission);
    if (await Promise.race([isUnavailable, submission.then(() => false)])) return submissions;
  }
}

/** Stops the fleet and its process, which has had no error that nobody caught. */
async function stopFleet(): Promise<void> {
  await remote.stop();
  expect(await remote.end()).toEqual({ code: 0, errors: '' });
}

/** The tasks that the file holds, and how each ended. A handler that ran for another one is none of them. */
function found(): string[] {
  const { tasks, results } = readFleet(path);
  checkIntegrity(path);
  const begun = remote.events.flatMap((event) => (event.type === 'began' ? [event.key] : []));
  const keys = new Set([...tasks.keys(), ...begun]);
  return [...keys]
    .map((key) => {
      const ends = results.filter((result) => result.key === key);
      const runs = begun.filter((other) => other === key).length;
      return `${key}: ${ends.map(({ status, attempts }) => `${status} by attempt ${attempts}`).join()}, ran ${runs}`;
    })
    .sort();
}

/** What is to be found when these batches alone were accepted. */
function completed(batchIds: readonly string[]): string[] {
  return batchIds.map((batchId) => `${batchId}/task: completed by attempt 1, ran 1`).sort();
}

/** How a fleet fared with a fault. */
interface Ordeal {
  /** What it told of its store. */
  readonly told: readonly string[];
  /** Whether it said that the store is back while the fault was there still. */
  readonly isRecoveredTooEarly: boolean;
  /** Why submissions were rejected, each reason once. */
  readonly refusals: readonly string[];
  readonly accepted: readonly string[];
}

/**
 * A fault befalls a fleet in which a handler runs, and goes away again. Resolves when the fleet has completed all
 * that it accepted, and its process has ended.
 *
 * @param begin - Has the fault begin. @param end - Has it go away; `null`: it does by itself.
 */
async function withstand(begin: () => unknown, end: (() => unknown) | null): Promise<Ordeal> {
  await remote.submit('before', 'held');
  await remote.heard('began', 'before/task');
  begin();
  const submissions = await submitUntilUnavailable();

  submissions.set('late', remote.submit('late'));
  await remote.release('before');
  await remote.heard('ended', 'before/task');
  const isRecoveredTooEarly = end !== null && remote.events.some(({ type }) => type === 'store.recovered');
  end?.();
  await remote.heard('store.recovered');
  submissions.set('after', remote.submit('after'));

  const accepted = ['before'];
  const refusals = new Set<string>();
  for (const [batchId, submission] of submissions) {
    const answer = await submission;
    if (answer.accepted) accepted.push(batchId);
    else refusals.add(`${answer.code} ${answer.outcome}`);
  }
  for (const batchId of accepted) await remote.waitFor(batchId);
  await stopFleet();
  const told = remote.events.flatMap((event) => {
    if (event.type === 'store.unavailable') return [`${event.type}: ${event.code}`];
    return event.type === 'store.recovered' ? [event.type] : [];
  });
  return { told, isRecoveredTooEarly, refusals: [...refusals], accepted };
}

/** @param code - What is wrong with the store. */
function survived(code: string): unknown {
  return {
    told: [`store.unavailable: ${code}`, 'store.recovered'],
    isRecoveredTooEarly: false,
    // None, where the commit that failed had no submission in it.
    refusals: expect.toSatisfy((refusals: string[]) =>
      refusals.every((why) => why === `${code} refused`)
    ) as unknown,
    accepted: expect.arrayContaining(['before', 'after']) as unknown
  };
}

describe('a disk that fails', needing(missing), () => {
  it.each<[what: string, code: string, fault: DiskFault]>([
    ...[1, 2, 3, 5, 8, 13].map((number): [string, string, DiskFault] => [
      `is full at write ${number}`,
      'ERR_STORE_FULL',
      { call: 'write', outcome: 'ENOSPC', number }
    ]),
    ['fails at a write', 'ERR_STORE_IO', { call: 'write', outcome: 'EIO', number: 1 }],
    ['fails at a later write', 'ERR_STORE_IO', { call: 'write', outcome: 'EIO', number: 6 }],
    ['fails at a flush', 'ERR_STORE_IO', { call: 'sync', outcome: 'EIO', number: 1 }],
    ['fails at a later flush', 'ERR_STORE_IO', { call: 'sync', outcome: 'EIO', number: 4 }]
  ])('once: %s, and the fleet goes on by itself', async (_, code, fault) => {
    await startFleet();
    const ordeal = await withstand(() => remote.disk(fault), null);

    expect(ordeal).toEqual(survived(code));
    expect(found()).toEqual(completed(ordeal.accepted));
  });

  it.each<[what: string, code: string, fault: DiskFault]>([
    ['is full', 'ERR_STORE_FULL', { call: 'write', outcome: 'ENOSPC', number: 1, goesOn: true }],
    ['is full after some', 'ERR_STORE_FULL', { call: 'write', outcome: 'ENOSPC', number: 7, goesOn: true }],
    ['fails at writes', 'ERR_STORE_IO', { call: 'write', outcome: 'EIO', number: 2, goesOn: true }],
    ['fails at flushes', 'ERR_STORE_IO', { call: 'sync', outcome: 'EIO', number: 1, goesOn: true }],
    ['is read-only', 'ERR_STORE_READONLY', { call: 'write', outcome: 'EROFS', number: 1, goesOn: true }]
  ])('for a while: %s; handlers end meanwhile, and the fleet recovers with it', async (_, code, fault) => {
    await startFleet();
    const ordeal = await withstand(
      () => remote.disk(fault),
      () => remote.disk(null)
    );

    expect(ordeal).toEqual(survived(code));
    expect(found()).toEqual(completed(ordeal.accepted));
  });

  it.each<[what: string, code: string, fault: DiskFault]>([
    ['is full', 'ERR_STORE_FULL', { call: 'write', outcome: 'ENOSPC', number: 1, goesOn: true }],
    ['fails at flushes', 'ERR_STORE_IO', { call: 'sync', outcome: 'EIO', number: 1, goesOn: true }]
  ])(
    'for good: %s; the fleet stops all the same, and what it acknowledged is there',
    async (_, code, fault) => {
      await startFleet();
      await remote.submit('before');
      await remote.waitFor('before');
      remote.disk(fault);
      await submitUntilUnavailable();
      expect(remote.events).toContainEqual({ type: 'store.unavailable', code });
      await stopFleet();

      expect(readFleet(path).results).toMatchObject([{ key: 'before/task', success: true }]);
      checkIntegrity(path);
    }
  );

  it.each<[what: string, code: string, outcome: 'ENOSPC' | 'EROFS' | 'EMFILE', call: 'write' | 'open']>([
    ['full', 'ERR_STORE_FULL', 'ENOSPC', 'write'],
    ['read-only', 'ERR_STORE_READONLY', 'EROFS', 'open'],
    ['out of file descriptors', 'ERR_STORE_IO', 'EMFILE', 'open']
  ])('at the start: %s; it is refused, and succeeds afterwards', async (_, code, outcome, call) => {
    path = temporaryPath();
    remote = new RemoteFleet(dirname(path));
    remote.disk({ call, outcome, number: 1, goesOn: true });
    expect(await remote.start(path)).toBe(code);
    remote.disk(null);
    expect(await remote.start(path)).toBe('started');
    await remote.submit('after');
    expect(await remote.waitFor('after')).toBe('completed');
    await stopFleet();
    expect(found()).toEqual(completed(['after']));
  });

  it('a store that has become read-only is refused at the start, and is left as it is', async () => {
    await startFleet();
    await remote.submit('before');
    await remote.waitFor('before');
    await remote.stop();
    const { size, mtimeMs } = statSync(path);
    remote.disk({ call: 'open', outcome: 'EROFS', number: 1, goesOn: true });
    expect(await remote.start(path)).toBe('ERR_STORE_READONLY');
    expect(await remote.end()).toEqual({ code: 0, errors: '' });
    expect(statSync(path)).toMatchObject({ size, mtimeMs });
    expect(readFleet(path).results).toMatchObject([{ key: 'before/task', success: true }]);
  });

  it.each<[what: string, fault: DiskFault]>([
    ['a write', { call: 'write', outcome: 'KILL', number: 9 }],
    ['the middle of a write', { call: 'write', outcome: 'TEAR', number: 10 }],
    ['a flush', { call: 'sync', outcome: 'KILL', number: 3 }]
  ])('a process that is killed at %s has lost nothing that it acknowledged', async (_, fault) => {
    await startFleet();
    remote.disk(fault);
    const accepted: string[] = [];
    const killed = remote.killed();
    let signal: unknown = null;
    for (let number = 1; signal === null; number++) {
      const submission = remote.submit(`during-${number}`);
      signal = await Promise.race([killed, submission.then(() => null)]);
      if (signal === null && (await submission).accepted) accepted.push(`during-${number}`);
    }
    expect(signal).toBe('SIGKILL');
    const { tasks } = readFleet(path);
    checkIntegrity(path);
    expect([...tasks.keys()]).toEqual(expect.arrayContaining(accepted.map((batchId) => `${batchId}/task`)));
  });

  it.each([100, 2_000])(
    'takes %i ms for a flush: timers fire and handlers end while a submission waits for it',
    async (syncDelayMs) => {
      await startFleet();
      await remote.submit('before', 'held');
      await remote.heard('began', 'before/task');
      remote.disk({ syncDelayMs });
      const [wait] = await Promise.all([remote.submitWatched('during'), remote.release('before')]);
      remote.disk(null);
      console.info(
        `flush of ${syncDelayMs} ms: the event loop was held for ${wait.longestBlockMs.toFixed(1)} ms at most`
      );
      expect(wait.ended).toContain('before/task');
      expect(wait.ticks).toBeGreaterThan(0);
      expect(remote.events).not.toContainEqual(expect.objectContaining({ type: 'store.unavailable' }));
      for (const batchId of ['before', 'during']) expect(await remote.waitFor(batchId)).toBe('completed');
      await stopFleet();
      expect(found()).toEqual(completed(['before', 'during']));
    }
  );
});

describe('a store that another process locks', needing(missing), () => {
  it('is waited for no longer than `busyTimeoutMs`, and recovers when the lock is gone', async () => {
    await startFleet({ busyTimeoutMs: 20 });
    const other = openDatabase(path, { timeout: 10_000 });
    const ordeal = await withstand(
      () => other.exec('BEGIN EXCLUSIVE'),
      () => other.close()
    );

    expect(ordeal).toEqual(survived('ERR_STORE_BUSY'));
    expect(found()).toEqual(completed(ordeal.accepted));
  });

  it('within `busyTimeoutMs` is nothing that anybody hears of', async () => {
    await startFleet({ busyTimeoutMs: 20_000 });
    await remote.submit('before', 'held');
    await remote.heard('began', 'before/task');
    const other = openDatabase(path, { timeout: 10_000 });
    other.exec('BEGIN EXCLUSIVE');
    const waiting = remote.submitWatched('during');
    await remote.release('before');
    await remote.heard('ended', 'before/task');
    other.close();
    await waiting;
    for (const batchId of ['before', 'during']) expect(await remote.waitFor(batchId)).toBe('completed');
    expect(remote.events).not.toContainEqual(expect.objectContaining({ type: 'store.unavailable' }));
    await stopFleet();
    expect(found()).toEqual(completed(['before', 'during']));
  });

  it('for ever keeps the fleet from nothing but commits: it stops', async () => {
    await startFleet({ busyTimeoutMs: 20 });
    await remote.submit('before');
    await remote.waitFor('before');
    const other = openDatabase(path, { timeout: 10_000 });
    other.exec('BEGIN EXCLUSIVE');
    await submitUntilUnavailable();
    await stopFleet();
    other.close();

    expect(found()).toEqual(completed(['before']));
  });
});

describe('a store whose files are taken away while it is open', needing(missing), () => {
  it.each(['', '-wal', '-shm', '-lock'])('refuses commits until <path>%s is put back', async (suffix) => {
    await startFleet();
    const file = `${path}${suffix}`;
    const elsewhere = `${temporaryPath()}.moved`;
    const ordeal = await withstand(
      () => renameSync(file, elsewhere),
      () => renameSync(elsewhere, file)
    );

    expect(ordeal).toEqual(survived('ERR_STORE_IO'));
    expect(found()).toEqual(completed(ordeal.accepted));
  });

  it.each(['-wal', '-shm', '-lock'])(
    'has lost nothing once it is stopped, <path>%s deleted',
    async (suffix) => {
      await startFleet();
      await remote.submit('before');
      await remote.waitFor('before');
      rmSync(`${path}${suffix}`);
      await submitUntilUnavailable();
      await stopFleet();

      expect(found()).toEqual(completed(['before']));
    }
  );

  it.each(['-wal', '-shm'])('takes no other file for <path>%s', async (suffix) => {
    await startFleet();
    await remote.submit('before');
    await remote.waitFor('before');
    replace(`${path}${suffix}`);
    await submitUntilUnavailable();
    expect(remote.events).toContainEqual({ type: 'store.unavailable', code: 'ERR_STORE_IO' });
    await stopFleet();

    expect(found()).toEqual(completed(['before']));
  });

  it('takes no other store for its own, and leaves that as it is', async () => {
    await startFleet();
    replace(path);
    await submitUntilUnavailable();
    expect(remote.events).toContainEqual({ type: 'store.unavailable', code: 'ERR_STORE_IO' });
    await stopFleet();

    expect(statSync(path).size).toBe(0);
  });
});

/** By an empty file. */
function replace(file: string): void {
  rmSync(file);
  writeFileSync(file, '');
}
