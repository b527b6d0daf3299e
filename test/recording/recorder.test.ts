import { crc32 } from 'node:zlib';
import { appendFileSync, existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import type { InspectionEvent } from 'xstate';
import {
  FleetManager,
  memoryStore,
  NotRunningError,
  readRecording,
  RecordingError,
  ValidationError,
  type Recording
} from '../../src/index.ts';
import { encodeFrame, fileHeader } from '../../src/recording/frames.ts';
import { RecordingWriter } from '../../src/recording/recordingWriter.ts';
import { settled, SimulatedClock, startFleet } from '../harness.ts';
import { linesOf, recordingPath, textOf } from './files.ts';

/** Fails on the first attempt of every other task. */
const flaky = (data: unknown, { attempt }: { attempt: number }): number => {
  const { n } = data as { n: number };
  if (n % 2 === 0 && attempt === 1) throw new Error(`no luck with ${n}`);
  return n;
};

const tasksTo = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ id: `t${n}`, type: 'work' as const, data: { n } }));

/** A run of some tasks, half of which are retried, recorded and stopped. */
async function record(path: string, count = 4, options: { inspect?: (event: InspectionEvent) => void } = {}) {
  const { fleet, clock } = await startFleet({ record: path, handlers: { work: flaky }, ...options });
  await fleet.submitBatch(tasksTo(count), { batchId: 'b' });
  await settled();
  await clock.advance(1_000);
  await fleet.waitForBatch('b');
  await fleet.stop();
}

function stepsOf({ turns, tasks }: Recording, key: string): unknown[] {
  return turns.flatMap(({ steps }) =>
    steps
      .filter(({ machine, subject }) => machine === 'task' && tasks[subject]!.key === key)
      .map(({ event, from, to, detail }) => [event, from, to, detail?.attempt, detail?.error])
  );
}

describe('a recording', () => {
  it('has every step of a task, with why it was retried', async () => {
    const path = recordingPath();
    await record(path);
    const recording = await readRecording(path);
    expect(stepsOf(recording, 'b/t0')).toEqual([
      [null, null, 'queued', undefined, undefined],
      ['task.claim', 'queued', 'dispatched', 1, undefined],
      ['attempt.started', 'dispatched', 'running', 1, undefined],
      ['attempt.failed', 'running', 'backingOff', 1, 'no luck with 0'],
      ['task.due', 'backingOff', 'queued', undefined, undefined],
      ['task.claim', 'queued', 'dispatched', 2, undefined],
      ['attempt.started', 'dispatched', 'running', 2, undefined],
      ['attempt.completed', 'running', 'completed', 2, undefined]
    ]);
    expect(recording).toMatchObject({
      version: 1,
      name: 'test',
      ending: 'stopped',
      omittedSteps: 0,
      batches: ['b'],
      initial: { tasks: { queued: 0, completed: 0 } }
    });
    expect(recording.tasks.map(({ key, batchId, type }) => [key, batchId, type])).toEqual(
      [0, 1, 2, 3].map((n) => [`b/t${n}`, 'b', 'work'])
    );
  });

  it('has when a retry is due, its worker, and the inputs of each turn', async () => {
    const path = recordingPath();
    await record(path);
    const { turns } = await readRecording(path);
    const failed = turns.find(({ steps }) => steps.some(({ to }) => to === 'backingOff'))!;
    expect(failed.inputs).toEqual({ 'attempt.settled': 4 });
    expect(failed.steps.find(({ to }) => to === 'backingOff')!.detail).toEqual({
      attempt: 1,
      workerId: 'worker-1',
      error: 'no luck with 0',
      retryAt: failed.at + 100
    });
    expect(turns[0]!.inputs).toEqual({ 'batch.submit': 1 });
  });

  it('has what the fleet, its workers and its coordinator did, from their first state to their last', async () => {
    const path = recordingPath();
    await record(path);
    const { turns, workers } = await readRecording(path);
    const steps = turns.flatMap((turn) => turn.steps);
    const of = (machine: string) => steps.filter((step) => step.machine === machine);
    expect(of('fleet')[0]).toMatchObject({ event: null, to: 'operation.recovering journal.clean' });
    expect(of('fleet').at(-1)!.to).toBe('operation.stopped journal.closed');
    expect(of('coordinator')[0]!.to).toBe('health.healthy intake.collecting');
    expect(workers).toContain('worker-10');
    expect(
      of('worker')
        .filter(({ subject }) => subject === 0)
        .map(({ to }) => to)
    ).toEqual(['spawning', 'idle', 'busy', 'idle']);
  });

  it('leaves every event of XState to the caller who inspects too', async () => {
    const seen = async (path: string | null) => {
      const types: string[] = [];
      const inspect = ({ type }: InspectionEvent): void => void types.push(type);
      const { fleet } = await startFleet({
        handlers: { work: flaky },
        inspect,
        ...(path !== null && { record: path })
      });
      await fleet.submitBatch(tasksTo(3), { batchId: 'b' });
      await settled();
      await fleet.stop();
      return types;
    };
    const path = recordingPath();
    expect(await seen(path)).toEqual(await seen(null));
    expect((await readRecording(path)).workers.length).toBe(10);
  });

  it('holds nothing of data, results, metadata, logs or progress', async () => {
    const path = recordingPath();
    const canary = 'canary-4711';
    const { fleet } = await startFleet({
      record: path,
      handlers: {
        work: (_, context) => {
          context.log(canary);
          context.progress({ canary });
          return { canary };
        }
      }
    });
    await fleet.submitBatch([{ id: 'a', type: 'work', data: { canary }, metadata: { canary } }], {
      batchId: 'b',
      metadata: { canary }
    });
    await fleet.schedule('s', { everyMs: 60_000 }, { type: 'work', data: { canary } });
    await fleet.coordinator.updateMetadata({ token: canary });
    await settled();
    await fleet.waitForBatch('b');
    await fleet.stop();
    const text = await textOf(path);
    expect(text).toContain('b/a');
    expect(text).toContain('"s"');
    expect(text).not.toContain(canary);
  });

  it('holds so much of an error as tells what it was', async () => {
    const path = recordingPath();
    const { fleet } = await startFleet({
      record: path,
      config: { maxRetries: 0 },
      handlers: {
        work: () => {
          throw new Error(`it broke ${'x'.repeat(5_000)}`);
        }
      }
    });
    await fleet.submitBatch([{ id: 'a', type: 'work', data: null }], { batchId: 'b' });
    await fleet.waitForBatch('b');
    await fleet.stop();
    const { turns } = await readRecording(path);
    const [error] = turns.flatMap(({ steps }) => steps.flatMap(({ detail }) => detail?.error ?? []));
    expect(error).toMatch(/^it broke x+$/);
    expect(error!.length).toBe(1_024);
    expect(await textOf(path)).not.toContain('recorder.test.ts');
  });

  it('is read up to maxSteps by whole turns, and the others are counted', async () => {
    const path = recordingPath();
    await record(path);
    const whole = await readRecording(path);
    const steps = whole.turns.reduce((sum, turn) => sum + turn.steps.length, 0);
    const first = whole.turns[0]!.steps.length;
    const cut = await readRecording(path, { maxSteps: first + 1 });
    expect(cut.turns).toEqual(whole.turns.slice(0, 1));
    expect(cut.omittedSteps).toBe(steps - first);
    expect(cut.endedAt).toBe(whole.endedAt);
    await expect(readRecording(path, { maxSteps: 0 })).rejects.toThrow(/maxSteps/);
  });

  it('is readable while the fleet runs', async () => {
    const path = recordingPath();
    const { fleet, clock } = await startFleet({ record: path, handlers: { work: () => 1 } });
    await fleet.submitBatch(tasksTo(2), { batchId: 'b' });
    await fleet.waitForBatch('b');
    await clock.advance(1_000);
    await vi.waitFor(async () => expect((await readRecording(path)).tasks).toHaveLength(2));
    expect((await readRecording(path)).ending).toBe('running');
    await fleet.stop();
  });
});

describe('a file that is there', () => {
  it('is gone on with by the next session of the fleet: rows that were there before are known', async () => {
    const path = recordingPath();
    const held = { work: () => new Promise<never>(() => {}) };
    const first = await startFleet({ record: path, handlers: held, config: { cancelGraceMs: 0 } });
    await first.fleet.submitBatch(tasksTo(3), { batchId: 'b' });
    await settled();
    await first.fleet.stop({ graceful: false });
    const size = statSync(path).size;

    const second = await first.restart({ handlers: { work: () => 1 } });
    await second.fleet.waitForBatch('b');
    await second.fleet.stop();
    expect(statSync(path).size).toBeGreaterThan(size);

    const recording = await readRecording(path);
    expect(recording.sessions).toHaveLength(2);
    expect(recording.tasks).toHaveLength(3);
    expect(stepsOf(recording, 'b/t0').map((step) => (step as unknown[]).slice(0, 3))).toEqual([
      [null, null, 'queued'],
      ['task.claim', 'queued', 'dispatched'],
      ['attempt.started', 'dispatched', 'running'],
      ['attempt.released', 'running', 'queued'],
      ['task.claim', 'queued', 'dispatched'],
      ['attempt.started', 'dispatched', 'running'],
      ['attempt.completed', 'running', 'completed']
    ]);
  });

  it('ends with a fleet that is stopped before it had started', async () => {
    const path = recordingPath();
    const fleet = new FleetManager({ record: path, handlers: { work: () => 1 } });
    const started = fleet.start();
    await Promise.all([expect(started).rejects.toBeInstanceOf(NotRunningError), fleet.stop()]);

    expect(await readRecording(path)).toMatchObject({ ending: 'stopped' });
  });

  it('is gone on with by a fleet that is started again while it stops', async () => {
    const path = recordingPath();
    const { fleet } = await startFleet({ record: path, handlers: { work: () => 1 } });
    const stopped = Promise.all([fleet.stop(), fleet.stop()]);
    await fleet.start();
    await stopped;
    await fleet.submitBatch(tasksTo(1), { batchId: 'b' });
    await fleet.waitForBatch('b');
    await fleet.stop();
    const recording = await readRecording(path);
    expect(recording.sessions).toHaveLength(2);
    expect(recording.tasks).toHaveLength(1);
    expect(recording.ending).toBe('stopped');
  });

  it('lists every session, one that was killed before it wrote a turn too', async () => {
    const path = recordingPath();
    await record(path);
    const turns = (await readRecording(path)).turns.length;
    appendFileSync(path, await encodeFrame('["session","test",1]'));
    const { sessions } = await readRecording(path);
    expect(sessions.map(({ firstTurn }) => firstTurn)).toEqual([0, turns]);
  });

  it('is begun late: what was there before is counted, and each row begins where it was', async () => {
    const store = memoryStore();
    const held = { work: () => new Promise<never>(() => {}) };
    const first = await startFleet({ store, handlers: held, config: { maxConcurrentWorkers: 2 } });
    await first.fleet.submitBatch(tasksTo(3), { batchId: 'b' });
    await settled();
    await first.fleet.stop({ graceful: false });

    const path = recordingPath();
    const second = await first.restart({ handlers: { work: () => 1 }, record: path });
    await second.fleet.waitForBatch('b');
    await second.fleet.stop();
    const recording = await readRecording(path);
    expect(recording.initial.tasks).toMatchObject({ queued: 3, running: 0, completed: 0 });
    expect(recording.initial.batches).toEqual({ processing: 1 });
    expect(stepsOf(recording, 'b/t2')[0]).toEqual(['task.claim', 'queued', 'dispatched', 1, undefined]);
    expect(stepsOf(recording, 'b/t0')[0]).toEqual(['task.claim', 'queued', 'dispatched', 2, undefined]);
  });

  it('of another fleet is refused, with the remedy', async () => {
    const path = recordingPath();
    await record(path);
    const before = readFileSync(path);
    const fleet = new FleetManager({ name: 'other', handlers: {}, record: path });
    await expect(fleet.start()).rejects.toMatchObject({
      code: 'ERR_RECORDING_FLEET',
      message: expect.stringContaining(
        'is of the fleet "test", this one is "other"; name another path'
      ) as unknown
    });
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it.each([
    ['another kind of file', Buffer.from('# the notes of the year\n'), 'ERR_RECORDING_FOREIGN'],
    ['a short one of another kind', Buffer.from('hi'), 'ERR_RECORDING_FOREIGN'],
    ['a recording of a newer version', newerHeader(), 'ERR_RECORDING_VERSION'],
    ['a header with a flipped bit', flipped(fileHeader(), 9), 'ERR_RECORDING_DAMAGED']
  ])('that is %s is neither read nor touched', async (_, content, code) => {
    const path = recordingPath();
    writeFileSync(path, content);
    await expect(readRecording(path)).rejects.toMatchObject({ code, path });
    const fleet = new FleetManager({ handlers: {}, record: path });
    await expect(fleet.start()).rejects.toMatchObject({ code });
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  it.each([0, 5, 16])('that was cut after %i bytes holds nothing yet, and is begun anew', async (bytes) => {
    const path = recordingPath();
    writeFileSync(path, fileHeader().subarray(0, bytes));
    await expect(readRecording(path)).rejects.toMatchObject({ code: 'ERR_RECORDING_EMPTY' });
    await record(path);
    expect((await readRecording(path)).ending).toBe('stopped');
  });
});

describe('a recording that was', () => {
  it('cut at any byte reads as what is whole before it, and says so', async () => {
    const path = recordingPath();
    await record(path);
    const whole = readFileSync(path);
    const frames = (await linesOf(path)).length;
    expect(frames).toBeGreaterThan(1);
    const steps = (await readRecording(path)).turns.flatMap((turn) => turn.steps);
    const endings = new Set<string>();
    // The first frame is the session's: what is cut in it holds nothing.
    for (let bytes = whole.length - 1; bytes > 16; bytes--) {
      truncateSync(path, bytes);
      const cut = await readRecording(path).catch((error: unknown) => (error as RecordingError).code);
      if (typeof cut === 'string') {
        endings.add(cut);
        continue;
      }
      endings.add(cut.ending);
      const kept = cut.turns.flatMap((turn) => turn.steps);
      expect(kept).toEqual(steps.slice(0, kept.length));
    }
    expect([...endings].sort()).toEqual(['ERR_RECORDING_EMPTY', 'running', 'torn']);
  });

  it('cut by a kill is gone on with after its last whole frame', async () => {
    const path = recordingPath();
    await record(path);
    truncateSync(path, statSync(path).size - 3);
    expect((await readRecording(path)).ending).toBe('torn');
    await record(path);
    const recording = await readRecording(path);
    expect(recording.ending).toBe('stopped');
    expect(recording.sessions).toHaveLength(2);
  });

  it('damaged in any byte is found, with where', async () => {
    const path = recordingPath();
    await record(path);
    const whole = readFileSync(path);
    for (let position = 0; position < whole.length; position++) {
      writeFileSync(path, flipped(whole, position));
      const error = await readRecording(path).catch((thrown: unknown) => thrown);
      expect(error, `byte ${position}`).toBeInstanceOf(RecordingError);
    }
    writeFileSync(path, flipped(whole, whole.length - 1));
    await expect(readRecording(path)).rejects.toThrow(/is damaged at byte \d+; .*truncate -s \d+/);
    const fleet = new FleetManager({ name: 'test', handlers: {}, record: path });
    await expect(fleet.start()).rejects.toMatchObject({ code: 'ERR_RECORDING_DAMAGED' });
  });

  it('cut where the message says has what is before the damage', async () => {
    const path = recordingPath();
    await record(path);
    writeFileSync(path, flipped(readFileSync(path), statSync(path).size - 1));
    const { message } = (await readRecording(path).catch((error: unknown) => error)) as Error;
    truncateSync(path, Number(/truncate -s (\d+)/.exec(message)![1]));
    expect((await readRecording(path)).ending).toBe('running');
  });
});

describe('when it cannot be written', () => {
  it('one warning tells so, the fleet goes on, and what was written stays', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const path = recordingPath();
    const { fleet, clock } = await startFleet({ record: path, handlers: { work: () => 1 } });
    await settled();
    // Another program writes to the file: nothing behind it could be read.
    await vi.waitFor(() => expect(statSync(path).size).toBeGreaterThan(16));
    appendFileSync(path, 'x');
    for (const batchId of ['b', 'c', 'd']) {
      await fleet.submitBatch(tasksTo(3), { batchId });
      await fleet.waitForBatch(batchId);
      await clock.advance(1_000);
      await settled();
    }
    await fleet.stop();
    expect(warn).toHaveBeenCalledOnce();
    expect(warn.mock.calls[0]![0]).toMatchObject({
      name: 'RecordingError',
      code: 'ERR_RECORDING_STOPPED',
      message: expect.stringContaining('somebody else writes to the file') as unknown
    });
    expect((await readRecording(path)).ending).toBe('torn');
  });

  it('a disk that is slower than the fleet ends it, before it takes more than its bound of memory', async () => {
    const stops: RecordingError[] = [];
    const writer = new RecordingWriter({
      path: recordingPath(),
      fleet: 'test',
      clock: new SimulatedClock(),
      onStopped: (error) => stops.push(error)
    });
    await writer.open();
    // Without a pause, so that nothing can reach the disk.
    for (let lines = 0; lines < 40; lines++) writer.write(['session', 'x'.repeat(1_000_000), 0]);
    expect(stops.map(({ code }) => code)).toEqual(['ERR_RECORDING_STOPPED']);
    expect(stops[0]!.message).toContain('slower than the fleet');
    await writer.close();
  });

  it('no file is made, and the fleet does not start, where it may not be', async () => {
    const path = `${recordingPath()}/under/a/file`;
    writeFileSync(path.slice(0, path.indexOf('/under')), 'a file');
    const fleet = new FleetManager({ handlers: {}, record: path });
    await expect(fleet.start()).rejects.toMatchObject({
      code: 'ERR_RECORDING_IO',
      message: expect.stringMatching(/E(EXIST|NOTDIR).*; name a file in a folder that/) as unknown
    });
    expect(existsSync(path)).toBe(false);
  });

  it.each(['', 'a\0b', 5])('%j is no path, which is said before anything begins', (record) => {
    expect(() => new FleetManager({ handlers: {}, record: record as string })).toThrow(ValidationError);
  });
});

function newerHeader(): Buffer {
  const header = fileHeader();
  header.writeUInt32LE(2, 8);
  header.writeUInt32LE(crc32(header.subarray(0, 12)), 12);
  return header;
}

function flipped(bytes: Buffer, position: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[position]! ^= 0b100;
  return copy;
}
