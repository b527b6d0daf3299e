import { mkdtempSync, rmSync } from 'node:fs';
import { appendFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { encodeFrame, fileHeader, readFrames } from '../../src/recording/frames.ts';

/** A path for a recording, in a folder of the test's own. */
export function recordingPath(name = 'run.fleetlog'): string {
  const folder = mkdtempSync(join(tmpdir(), 'recording-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, name);
}

export type AnyLine = unknown[];

/** The lines of a recording as they are in the file, by frames. */
export async function linesOf(path: string): Promise<AnyLine[][]> {
  const frames: AnyLine[][] = [];
  for await (const { text } of readFrames(path)) {
    frames.push(text.split('\n').map((line) => JSON.parse(line) as AnyLine));
  }
  return frames;
}

/** Makes a recording of lines, whole by its checksums: what somebody does who changes one by hand. */
export async function writeLines(path: string, frames: readonly AnyLine[][]): Promise<void> {
  await writeFile(path, fileHeader());
  for (const lines of frames) {
    await appendFile(path, await encodeFrame(lines.map((line) => JSON.stringify(line)).join('\n')));
  }
}

/** The texts of a recording, as anybody can read them. */
export async function textOf(path: string): Promise<string> {
  let all = '';
  for await (const { text } of readFrames(path)) all += text;
  return all;
}
