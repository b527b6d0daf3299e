import { recordedStates } from './recordedCharts.ts';
import type { FullStep, Subject } from './recordedSteps.ts';
import { recordedTurns, type FullTurn, type RecordedSession } from './recordedTurns.ts';
import type { RecordedStep, RecordedTask, RecordedTurn, Recording } from './recording.ts';

/** Reads a file as {@link readRecording} does. @throws {RecordingError} */
export async function recordingIn(path: string, maxSteps: number): Promise<Recording> {
  const turns = recordedTurns(path);
  const collected = new CollectedTurns(maxSteps);
  for (;;) {
    const { value, done } = await turns.next();
    if (!done) {
      collected.add(value);
      continue;
    }
    const { sessions, endedAt, ending } = value;
    return {
      version: 1,
      name: sessions[0]!.fleet,
      startedAt: sessions[0]!.startedAt,
      endedAt,
      states: recordedStates,
      ...collected.lists,
      initial: collected.initial,
      turns: collected.turns,
      sessions: collected.sessionsAmong(sessions),
      omittedSteps: collected.omittedSteps,
      ending
    };
  }
}

class CollectedTurns {
  readonly lists = {
    tasks: [] as RecordedTask[],
    batches: [] as string[],
    schedules: [] as string[],
    workers: [] as string[]
  };
  readonly initial = { tasks: {} as Record<string, number>, batches: {} as Record<string, number> };
  readonly turns: RecordedTurn[] = [];
  omittedSteps = 0;

  readonly #maxSteps: number;
  #kept = 0;
  #isFull = false;
  readonly #subjects = new WeakMap<Subject, number>();
  /** Batches, schedules and slots keep their number, whichever process stepped them. */
  readonly #numbers = new Map<string, number>();
  #hasCounts = false;
  readonly #firstTurns = new Map<RecordedSession, number>();

  constructor(maxSteps: number) {
    this.#maxSteps = maxSteps;
  }

  add({ turn, at, commitMs, inputs, steps, countsBefore, session }: FullTurn): void {
    // A turn of no steps takes room too.
    const room = Math.max(1, steps.length);
    this.#isFull ||= this.#kept + room > this.#maxSteps;
    if (this.#isFull) {
      this.omittedSteps += steps.length;
      return;
    }
    this.#kept += room;
    if (!this.#firstTurns.has(session)) this.#firstTurns.set(session, this.turns.length);
    if (countsBefore !== null && !this.#hasCounts) {
      this.#hasCounts = true;
      Object.assign(this.initial.tasks, countsBefore);
    }
    this.turns.push({ turn, at, commitMs, inputs, steps: steps.map((step) => this.#stepOf(step)) });
  }

  /** One that was killed within its first second has no turns: it begins where the next one does. */
  sessionsAmong(sessions: readonly RecordedSession[]): Recording['sessions'] {
    let next = this.turns.length;
    const listed: { readonly startedAt: number; readonly firstTurn: number }[] = [];
    for (const session of sessions.toReversed()) {
      next = this.#firstTurns.get(session) ?? next;
      listed.push({ startedAt: session.startedAt, firstTurn: next });
    }
    return listed.reverse();
  }

  #stepOf({ machine, subject, event, from, to, detail, row }: FullStep): RecordedStep {
    if (
      machine === 'batch' &&
      row !== null &&
      event !== null &&
      !this.#numbers.has(`batch ${subject.name}`)
    ) {
      this.initial.batches[row.state] = (this.initial.batches[row.state] ?? 0) + 1;
    }
    return {
      machine,
      subject: this.#numberOf(subject),
      event: event?.type ?? null,
      from,
      to,
      ...(detail !== undefined && { detail })
    };
  }

  #numberOf(subject: Subject): number {
    const known = this.#subjects.get(subject);
    if (known !== undefined) return known;
    const number = this.#listed(subject);
    this.#subjects.set(subject, number);
    return number;
  }

  #listed({ machine, name, task }: Subject): number {
    const { tasks, batches, schedules, workers } = this.lists;
    if (task !== null) return this.#numbered(`task ${name}`, tasks, task);
    if (machine === 'batch') return this.#numbered(`batch ${name}`, batches, name);
    if (machine === 'schedule') return this.#numbered(`schedule ${name}`, schedules, name);
    if (machine === 'worker') return this.#numbered(`worker ${name}`, workers, name);
    return 0;
  }

  #numbered<T>(key: string, list: T[], item: T): number {
    let number = this.#numbers.get(key);
    if (number === undefined) this.#numbers.set(key, (number = list.push(item) - 1));
    return number;
  }
}
