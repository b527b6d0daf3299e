import { writeFile } from 'node:fs/promises';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { recordingText } from '../../src/cli/recordingText.ts';
import { UsageError } from '../../src/cli/failure.ts';
import { taskLife, taskLifeText } from '../../src/cli/taskLife.ts';
import { checkRecording, readRecording, RecordingError } from '../../src/index.ts';
import { encodeFrame, fileHeader, frameOf, maxFrameLength } from '../../src/recording/frames.ts';
import { summarizeRecording } from '../../src/recording/recordingSummary.ts';
import { startFleet } from '../harness.ts';
import { linesOf, recordingPath, writeLines, type AnyLine } from './files.ts';
import { recordEverything } from './recordEverything.ts';

/** All that is done with a file. @returns How each of it ended: read, or refused as a recording is. */
async function readAll(path: string): Promise<string[]> {
  const endings: string[] = [];
  for (const read of [
    async () => checkRecording(await readRecording(path)),
    async () => checkRecording(path),
    async () => recordingText(await summarizeRecording(path)),
    async () => taskLifeText(await taskLife(path, 'mixed/flaky'))
  ]) {
    try {
      await read();
      endings.push('read');
    } catch (error) {
      if (!(error instanceof RecordingError || error instanceof UsageError)) throw error;
      endings.push(error instanceof RecordingError ? error.code : 'no such task');
    }
  }
  return endings;
}

const hostile = fc.oneof(
  fc.constantFrom<unknown>(
    ...[null, true, '', '__proto__', 'constructor', 'running', 'task.claim', [], {}, [[]], [null]],
    ...[-1, 0, 1, 2, 0.5, 16_384, 2 ** 53, 1e300, -1e300, 8.64e15]
  ),
  fc.jsonValue()
);

/** Puts something else where a way through arrays and objects leads. */
function changed(lines: readonly AnyLine[], way: readonly number[], value: unknown): AnyLine[] {
  const copy = structuredClone(lines) as unknown[];
  let place = copy as unknown as Record<string, unknown>;
  for (const [depth, step] of way.entries()) {
    const keys = Object.keys(place);
    const key = keys[step % keys.length]!;
    const inner = place[key];
    const isLeaf = inner === null || typeof inner !== 'object' || Object.keys(inner).length === 0;
    if (isLeaf || depth === way.length - 1) {
      place[key] = value;
      break;
    }
    place = inner as Record<string, unknown>;
  }
  return copy as AnyLine[];
}

describe('a file that somebody else has written', () => {
  let path: string;
  let lines: AnyLine[];

  beforeEach(async () => {
    path = recordingPath();
    await recordEverything(path);
    lines = (await linesOf(path)).flat();
  });

  it('is read, or refused with a RecordingError, whichever of its values was changed', async () => {
    const endings = new Set<string>();
    const way = fc.array(fc.nat(10_000), { minLength: 2, maxLength: 7 });
    await fc.assert(
      fc.asyncProperty(way, hostile, async (to, value) => {
        await writeLines(path, [changed(lines, to, value)]);
        for (const ending of await readAll(path)) endings.add(ending);
      }),
      { numRuns: 200 }
    );
    expect(endings).toContain('read');
    expect(endings).toContain('ERR_RECORDING_DAMAGED');
  });

  it('is read, or refused with a RecordingError, in whatever order its lines are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(lines, { minLength: 1 }), async (some) => {
        await writeLines(path, [some]);
        await readAll(path);
      }),
      { numRuns: 50 }
    );
  });

  it('is refused with a RecordingError where it holds any lines, or none', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), async (text) => {
        await writeFile(path, Buffer.concat([fileHeader(), await encodeFrame(text)]));
        expect(new Set(await readAll(path))).toEqual(new Set(['ERR_RECORDING_DAMAGED']));
      }),
      { numRuns: 100 }
    );
  });

  it('is refused with a RecordingError where it is any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), fc.boolean(), async (bytes, hasHeader) => {
        await writeFile(path, hasHeader ? Buffer.concat([fileHeader(), bytes]) : bytes);
        for (const ending of await readAll(path)) expect(ending).toMatch(/^ERR_RECORDING_/);
      }),
      { numRuns: 200 }
    );
  });

  it.each<[what: string, text: string]>([
    ['blanks, more than a frame holds', ' '.repeat(256 * 1024 * 1024)],
    ['lists within lists', '['.repeat(maxFrameLength)],
    ['lists beside lists', `[${'[],'.repeat(maxFrameLength / 3 - 2)}[]]`],
    ['lines', '[]\n'.repeat(maxFrameLength / 3)]
  ])('is refused before little of it takes much memory: %s', async (_, text) => {
    await writeFile(path, Buffer.concat([fileHeader(), frameOf(deflateRawSync(text, { level: 1 }))]));
    const before = process.memoryUsage.rss();
    await expect(readRecording(path)).rejects.toMatchObject({ code: 'ERR_RECORDING_DAMAGED' });
    const taken = process.memoryUsage.rss() - before;
    expect(taken).toBeLessThan(1024 * 1024 * 1024);
  });

  it('is not gone on with, and the fleet does not start', async () => {
    await writeFile(path, Buffer.concat([fileHeader(), await encodeFrame('["session"')]));
    await expect(startFleet({ record: path, handlers: {} })).rejects.toMatchObject({
      code: 'ERR_RECORDING_DAMAGED'
    });
  });
});
