import { taskStatuses } from '../../machines/task.ts';
import { closeFrames, damage, readFrames } from './frames.ts';
import { readCounts, readList, readNumber, readText, readTime } from './jsonValues.ts';
import type { AgentLine, Line, StepCells } from './lines.ts';
import { StepReader, type FullStep } from './recordedSteps.ts';
import type { RecordingEnding } from './recording.ts';
import { RecordingError } from './recordingError.ts';

/** A turn with its steps in full. */
export interface FullTurn {
  /** It is no turn but what agents did after the last one of a session: nothing was committed. */
  readonly isRest: boolean;
  readonly turn: number;
  readonly at: number;
  readonly commitMs: number;
  readonly inputs: Readonly<Record<string, number>>;
  readonly steps: readonly FullStep[];
  readonly session: RecordedSession;
  /** Tasks by state before the session's first turn; `null` in the others. */
  readonly countsBefore: Readonly<Record<string, number>> | null;
}

/** One process that recorded. */
export interface RecordedSession {
  /** Name of the fleet. */
  readonly fleet: string;
  /** Epoch ms. */
  readonly startedAt: number;
}

export interface TurnsEnd {
  readonly sessions: readonly RecordedSession[];
  /** Epoch ms of the last thing recorded. */
  readonly endedAt: number;
  readonly ending: RecordingEnding;
}

/** Agents of a fleet that takes no turns do little: what they do is given out in turns of so many steps. */
const maxAgentSteps = 10_000;

/**
 * The turns of a recording, one after the other. In memory: one frame, and the rows that are not final.
 *
 * @throws {RecordingError} when the file is none, has another version or nothing in it, or is damaged.
 */
export async function* recordedTurns(path: string): AsyncGenerator<FullTurn, TurnsEnd, undefined> {
  const sessions: RecordedSession[] = [];
  const reader = new LineReader(sessions);
  const frames = readFrames(path);
  try {
    for (;;) {
      const { value, done } = await frames.next();
      if (done) {
        if (sessions.length === 0) {
          throw new RecordingError('ERR_RECORDING_EMPTY', path, 'holds no session; record again');
        }
        yield* reader.rest();
        return { sessions, endedAt: reader.endedAt, ending: value.isTorn ? 'torn' : reader.ending };
      }
      try {
        for (const line of value.text.split('\n')) yield* reader.read(JSON.parse(line) as Line);
      } catch (error) {
        // Whole by its checksum, and no line of ours: another program wrote it.
        throw damage(path, value.position, { cause: error });
      }
    }
  } finally {
    // Whoever reads may have left before the end.
    await closeFrames(frames);
  }
}

class LineReader {
  readonly #sessions: RecordedSession[];
  #steps = new StepReader();
  #agentSteps: FullStep[] = [];
  #turn = 0;
  endedAt = 0;
  ending: RecordingEnding = 'running';

  constructor(sessions: RecordedSession[]) {
    this.#sessions = sessions;
  }

  *read(line: Line): Generator<FullTurn, void, undefined> {
    switch (line[0]) {
      case 'session': {
        yield* this.rest();
        const fleet = readText(line[1]);
        const startedAt = readTime(line[2]);
        this.#sessions.push({ fleet, startedAt });
        this.#steps = new StepReader();
        this.ending = 'running';
        this.endedAt = startedAt;
        return;
      }
      case 'turn': {
        const [turn, commitMs] = [readNumber(line[1]), readNumber(line[3])];
        const at = readTime(line[2]);
        const inputs = readCounts(line[4]);
        const steps = this.#takeAgentSteps();
        for (const cells of readList(line[5])) steps.push(this.#steps.readStep(cells as StepCells, at));
        this.#turn = turn;
        this.endedAt = Math.max(this.endedAt, at);
        const countsBefore = line[6] === undefined ? null : countsOf(readList(line[6]));
        yield { isRest: false, turn, at, commitMs, inputs, steps, session: this.#session, countsBefore };
        return;
      }
      case 'agent':
        this.#readAgent(line);
        if (this.#agentSteps.length >= maxAgentSteps) yield* this.rest();
        return;
      case 'stop':
        yield* this.rest();
        this.endedAt = Math.max(this.endedAt, readTime(line[1]));
        this.ending = 'stopped';
        return;
      default:
        throw new Error('there is no such line');
    }
  }

  /** What agents did since the last turn. */
  *rest(): Generator<FullTurn, void, undefined> {
    if (this.#agentSteps.length === 0) return;
    const steps = this.#takeAgentSteps();
    const turn = { turn: this.#turn, at: this.endedAt, commitMs: 0, inputs: {}, steps };
    yield { ...turn, isRest: true, session: this.#session, countsBefore: null };
  }

  get #session(): RecordedSession {
    const session = this.#sessions.at(-1);
    if (session === undefined) throw new Error('there is no session');
    return session;
  }

  #readAgent(line: AgentLine): void {
    this.endedAt = Math.max(this.endedAt, readTime(line[1]));
    this.#agentSteps.push(this.#steps.readAgent(line));
  }

  #takeAgentSteps(): FullStep[] {
    const steps = this.#agentSteps;
    this.#agentSteps = [];
    return steps;
  }
}

function countsOf(cells: readonly unknown[]): Readonly<Record<string, number>> {
  return Object.fromEntries(taskStatuses.map((status, index) => [status, readNumber(cells[index] ?? 0)]));
}
