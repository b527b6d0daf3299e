import { beforeEach, describe, expect, it } from 'vitest';
import { checkRecording, readRecording, type RecordingError } from '../../src/index.ts';
import { settled, startFleet } from '../harness.ts';
import { linesOf, recordingPath, writeLines, type AnyLine } from './files.ts';
import { recordEverything } from './recordEverything.ts';

describe('a recording of everything', () => {
  let path: string;
  let frames: AnyLine[][];

  beforeEach(async () => {
    path = recordingPath();
    await recordEverything(path);
    frames = await linesOf(path);
  });

  it('comes to the same when its machines are stepped again', async () => {
    const recording = await readRecording(path);
    const types = new Set(recording.turns.flatMap(({ steps }) => steps.map(({ event }) => event)));
    for (const type of [
      'attempt.failed',
      'attempt.timedOut',
      'attempt.released',
      'dependencies.completed',
      'dependency.failed',
      'task.due',
      'task.cancel',
      'batch.cancel',
      'batch.pause',
      'time.fired'
    ]) {
      expect(types).toContain(type);
    }
    const steps = recording.turns.reduce((sum, turn) => sum + turn.steps.length, 0);
    const check = await checkRecording(path);
    expect(check).toMatchObject({ isSound: true, difference: null, ending: 'stopped' });
    expect(check.replayedSteps + check.comparedMoves).toBe(steps);
    expect(check.replayedSteps).toBeGreaterThan(50);
    expect(await checkRecording(recording)).toMatchObject({ isSound: true, comparedMoves: steps });
  });

  it('in which any state of a row was changed by hand is found', async () => {
    const tasks = rowSteps(frames).filter(({ cells }) => cells[0] === 0 && typeof cells[3] === 'number');
    const states = [...new Set(tasks.map(({ cells }) => cells[3]))];
    const results: string[] = [];
    for (const { cells } of tasks) {
      const original = cells[3];
      cells[3] = states.find((state) => state !== original);
      await writeLines(path, frames);
      // A number that means nothing yet is no word at all.
      const check = await checkRecording(path).catch((error: unknown) => (error as RecordingError).code);
      results.push(typeof check === 'string' ? check : check.isSound ? 'sound' : 'differs');
      cells[3] = original;
    }
    expect(results.filter((result) => result === 'differs').length).toBeGreaterThan(20);
    expect(new Set(results)).toEqual(new Set(['differs', 'ERR_RECORDING_DAMAGED']));
    await writeLines(path, frames);
    expect((await checkRecording(path)).isSound).toBe(true);
  });

  it('in which an event was left out is found, at the step that then leads elsewhere', async () => {
    const turn = frames
      .flat()
      .find((line) => line[0] === 'turn' && stepsIn(line).some((step) => step[2] === 'attempt.started'))!;
    const steps = stepsIn(turn);
    // A later one, whose words are numbers.
    const index = steps.findLastIndex(
      (step) => step[0] === 0 && typeof step[2] === 'number' && step[4] !== null
    );
    const [left] = steps.splice(index, 1);
    await writeLines(path, frames);
    const { difference } = await checkRecording(path);
    expect(left).toBeDefined();
    expect(difference).toMatchObject({ machine: 'task', expected: null });
  });

  it('in which what a guard reads was changed is found', async () => {
    const failed = rowSteps(frames).find(({ cells }) => cells[2] === 'attempt.failed')!.cells;
    const fields = failed[4] as unknown[];
    const error = fields.at(-1) as unknown[];
    // Retryable: no more.
    error[2] = 0;
    await writeLines(path, frames);
    expect((await checkRecording(path)).difference).toMatchObject({
      machine: 'task',
      subject: 'mixed/flaky',
      event: 'attempt.failed',
      expected: 'failed',
      recorded: expect.stringMatching(/^backingOff, due at \d+$/) as unknown
    });
  });

  it('in which the random draw of a backoff was changed is found where it spreads retries', async () => {
    const jittered = recordingPath();
    const { fleet, clock } = await startFleet({
      record: jittered,
      retry: { baseMs: 1_000, factor: 2, maxMs: 60_000, jitter: 'full' },
      handlers: {
        work: (_: unknown, { attempt }) => {
          if (attempt === 1) throw new Error('not yet');
        }
      }
    });
    await fleet.submitBatch([{ id: 'a', type: 'work', data: null }], { batchId: 'b' });
    await settled();
    await clock.advance(60_000);
    await fleet.waitForBatch('b');
    await fleet.stop();
    expect((await checkRecording(jittered)).isSound).toBe(true);
    const lines = await linesOf(jittered);
    const failed = rowSteps(lines).find(({ cells }) => cells[2] === 'attempt.failed')!.cells;
    expect((failed[4] as unknown[])[2]).toBe(0.5);
    (failed[4] as unknown[])[2] = 0.75;
    await writeLines(jittered, lines);
    expect((await checkRecording(jittered)).difference).toMatchObject({
      event: 'attempt.failed',
      subject: 'b/a'
    });
  });

  it('in which an agent makes a move that its chart has not is found', async () => {
    const agents = frames.flat().filter((line) => line[0] === 'agent');
    // From a worker's first state straight to its being busy.
    const idle = agents.find((line) => line[5] === 'idle')!;
    idle[5] = 'busy';
    await writeLines(path, frames);
    expect((await checkRecording(path)).difference).toMatchObject({
      machine: 'worker',
      subject: 'worker-1',
      expected: null,
      recorded: 'busy'
    });
  });

  it.each<[what: string, to: string, found: object]>([
    ['to what its chart has not, is found there', 'queued', { event: 'attempt.failed', recorded: 'queued' }],
    ['to what its chart has too, is found by where the next one begins', 'failed', { event: 'task.due' }]
  ])('in memory, in which a step was changed %s', async (_, to, found) => {
    const recording = await readRecording(path);
    const turns = recording.turns.map((turn) => ({
      ...turn,
      steps: turn.steps.map((step) => (step.to === 'backingOff' ? { ...step, to } : step))
    }));
    const { difference } = await checkRecording({ ...recording, turns });
    expect(difference).toMatchObject({ machine: 'task', subject: 'mixed/flaky', expected: null, ...found });
  });
});

interface RowStepIn {
  readonly cells: unknown[];
}

function rowSteps(frames: readonly AnyLine[][]): RowStepIn[] {
  return frames
    .flat()
    .flatMap((line) => (line[0] === 'turn' ? stepsIn(line).map((cells) => ({ cells })) : []));
}

function stepsIn(turn: AnyLine): unknown[][] {
  return turn[5] as unknown[][];
}
