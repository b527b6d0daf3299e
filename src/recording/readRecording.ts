import { assertInteger, assertPath, readOptions } from '../validation/validation.ts';
import type { Recording } from './recording.ts';

export interface ReadRecordingOptions {
  /** Steps that are kept, the first ones, by whole turns; the others are counted. Integer >= 1. Defaults to 250,000. */
  readonly maxSteps?: number;
}

const defaultMaxSteps = 250_000;

/**
 * Reads a recording. All sessions of the file are one run; what was cut at the end by a kill is left out, and
 * `ending` says so.
 *
 * Memory is bounded by `maxSteps`, some 200 bytes each, and by the tasks that are live at once.
 *
 * @throws {RecordingError} when the file is none, has a newer version or nothing in it, or is damaged.
 * @throws {ValidationError}
 */
export async function readRecording(path: string, options: ReadRecordingOptions = {}): Promise<Recording> {
  assertPath('path', path);
  const { maxSteps = defaultMaxSteps } = readOptions('options', options, ['maxSteps']);
  assertInteger('options.maxSteps', maxSteps, 1, Number.MAX_SAFE_INTEGER);
  // Loaded when a recording is read: no fleet needs it.
  const { recordingIn } = await import('./collectedTurns.ts');
  return recordingIn(path, maxSteps);
}
