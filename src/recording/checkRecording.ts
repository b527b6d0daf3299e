import { assertPath, refuse } from '../validation/validation.ts';
import type { RecordedMachine, Recording, RecordingEnding } from './recording.ts';

/** What became of stepping the machines through a recording. */
export interface RecordingCheck {
  /** Whether every step came to what was recorded. */
  readonly isSound: boolean;
  readonly turns: number;
  /** Steps of rows that were made again from their recorded events, guards included. */
  readonly replayedSteps: number;
  /** Steps of which only was looked whether the chart has such a transition, from where the one before had ended. */
  readonly comparedMoves: number;
  readonly ending: RecordingEnding;
  /** The first step that came to something else; `null`: there is none. */
  readonly difference: RecordingDifference | null;
}

export interface RecordingDifference {
  readonly turn: number;
  readonly machine: RecordedMachine;
  /** Key of the task, or id. */
  readonly subject: string;
  /** `null`: it came into being. */
  readonly event: string | null;
  /** State, and the time that it is due at where it has one, by the machine; `null`: it has no such transition. */
  readonly expected: string | null;
  /** The same as recorded. */
  readonly recorded: string;
}

/**
 * Steps the machines of tasks, batches and schedules with the recorded events, and compares where each step leads. Of
 * the agents, whose contexts are not recorded, it looks whether their charts have such a transition.
 *
 * @param source - A file, read in bounded memory; or a recording in memory, whose steps have no contexts: all of its
 * steps are looked at like the agents'.
 * @throws {RecordingError} when the file is none, has another version, or is damaged. @throws {ValidationError}
 */
export async function checkRecording(source: string | Recording): Promise<RecordingCheck> {
  if (typeof source === 'string') assertPath('source', source);
  else if (!Array.isArray((source as Partial<Recording> | null | undefined)?.turns)) {
    refuse('source', source, 'a path, or what readRecording returns');
  }
  // Loaded when a recording is checked: no fleet needs it.
  const { checkFile, checkMoves } = await import('./recordingChecks.ts');
  return typeof source === 'string' ? checkFile(source) : checkMoves(source);
}
