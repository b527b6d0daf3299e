import type { Recording } from '../../recording/recording.ts';

/** Recorded time for a second of the reader's. */
export const speeds = [0.1, 0.25, 0.5, 1, 2, 5, 10, 50, 200] as const;

/** A longer silence is skipped: ms of the reader's time. */
const longestWait = 1_500;

/** Where a playback is: `at` is recorded time, epoch ms, and so many turns have been taken by it. */
export interface Position {
  readonly at: number;
  readonly turns: number;
}

/** @param turns - How many turns have been taken. */
export function positionAt({ turns: all, startedAt }: Recording, turns: number): Position {
  const bounded = Math.min(Math.max(turns, 0), all.length);
  return { at: all[bounded - 1]?.at ?? startedAt, turns: bounded };
}

/** The position `elapsedMs` of the reader's time later. */
export function advance(
  recording: Recording,
  position: Position,
  elapsedMs: number,
  speed: number
): Position {
  const { turns } = recording;
  const next = turns[position.turns]?.at;
  if (next === undefined) return position;
  const at = Math.max(position.at + elapsedMs * speed, next - longestWait * speed);
  let taken = position.turns;
  while ((turns[taken]?.at ?? Infinity) <= at) taken += 1;
  return { at, turns: taken };
}
