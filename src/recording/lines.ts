import type { Word } from './words.ts';

/**
 * What a recording is made of: one JSON array a line, by its first item. Texts that come again are {@link Word}s, times
 * in steps are told from their turn's.
 */
export type Line = SessionLine | TurnLine | AgentLine | StopLine;

/** A process begins to record, epoch ms: words begin anew. */
export type SessionLine = readonly ['session', fleet: string, at: number];

/** A turn was committed. The counts of all tasks before it, by `taskStatuses`, are in the first one of a session. */
export type TurnLine = readonly [
  'turn',
  turn: number,
  at: number,
  commitMs: number,
  inputs: Readonly<Record<string, number>>,
  steps: readonly StepCells[],
  countsBefore?: readonly number[]
];

/** An agent's state changed. */
export type AgentLine = readonly [
  'agent',
  at: number,
  machine: Word,
  id: Word,
  event: Word | null,
  to: Word,
  reason: string | undefined
];

/** The fleet was stopped, and all was written. */
export type StopLine = readonly ['stop', at: number];

/**
 * A step of a row. `row`: as it was before, or, where it came into being (`event` is `null`), as it is; there when it
 * is first seen. `dueAt`: what the step left behind, where it is a time.
 */
export type StepCells = readonly [
  kind: 0 | 1 | 2,
  subject: number | Word,
  event: Word | null,
  to: Word,
  fields?: unknown,
  dueAt?: number | null,
  before?: Word | null,
  row?: unknown
];
