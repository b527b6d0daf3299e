import type { Recording } from '../../recording/recording.ts';
import { dateTime } from '../format.ts';

/** Turns that have been taken when a session but the first has begun: where a replay has to be to show its first turn. */
export function sessionStarts({ sessions, turns }: Recording): number[] {
  return sessions.slice(1).map(({ firstTurn }) => Math.min(firstTurn + 1, turns.length));
}

/** `process 2 of 3, since 2026-11-21 14:05:09.123`; `null` where one process recorded all. */
export function sessionText({ sessions }: Recording, turns: number): string | null {
  if (sessions.length < 2) return null;
  const place = Math.max(
    0,
    sessions.findLastIndex(({ firstTurn }) => firstTurn < turns)
  );
  const startedAt = sessions[place]?.startedAt ?? 0;
  return `process ${place + 1} of ${sessions.length}, since ${dateTime(startedAt)}`;
}

/** What a reader has to know of how a recording ends; `null`: it ends with the stop of the fleet. */
export function endingText({ ending }: Recording): string | null {
  switch (ending) {
    case 'stopped':
      return null;
    case 'running':
      return 'No stop was recorded: the fleet still ran, or was killed. Up to a second before that may be missing.';
    case 'torn':
      return 'The end is cut off within a write, by a kill or a full disk: what came after is missing.';
  }
}
