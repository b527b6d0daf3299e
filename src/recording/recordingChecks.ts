import type { BatchEvent } from '../../machines/batchMachine.ts';
import type { ScheduleEvent } from '../../machines/scheduleMachine.ts';
import type { TaskEvent } from '../../machines/taskMachine.ts';
import { batchLifecycle, scheduleLifecycle, taskLifecycle } from '../ledger/lifecycles.ts';
import type { BatchRow, ScheduleRow, TaskRow } from '../store.ts';
import { ChartMoves } from './chartMoves.ts';
import type { RecordingCheck, RecordingDifference } from './checkRecording.ts';
import { recordedCharts } from './recordedCharts.ts';
import type { FullStep, RecordedRow, Subject } from './recordedSteps.ts';
import { recordedTurns } from './recordedTurns.ts';
import type { RecordedMachine, RecordedStep, Recording } from './recording.ts';
import { RecordingError } from './recordingError.ts';

/** Checks a file as {@link checkRecording} does. @throws {RecordingError} */
export async function checkFile(path: string): Promise<RecordingCheck> {
  const moves = chartMoves();
  const rows = new WeakMap<Subject, RecordedRow>();
  let turnCount = 0;
  let replayedSteps = 0;
  let comparedMoves = 0;
  let difference: RecordingDifference | null = null;
  const turns = recordedTurns(path);
  for (;;) {
    const { value, done } = await turns.next();
    if (done) {
      const { ending } = value;
      const isSound = difference === null;
      return { isSound, turns: turnCount, replayedSteps, comparedMoves, ending, difference };
    }
    if (!value.isRest) turnCount += 1;
    // What follows the first difference follows from it: it is counted, and not compared.
    if (difference !== null) continue;
    for (const step of value.steps) {
      const isRow = step.machine === 'task' || step.machine === 'batch' || step.machine === 'schedule';
      if (isRow) replayedSteps += 1;
      else comparedMoves += 1;
      const expected = isRow ? replayed(path, step, rows) : moveOf(moves, step);
      const recorded = isRow ? outcomeOf(step.to, step.dueAt) : step.to;
      if (expected === recorded) continue;
      const { machine, subject, event } = step;
      difference = {
        turn: value.turn,
        machine,
        subject: subject.name,
        event: event?.type ?? null,
        expected,
        recorded
      };
      break;
    }
  }
}

/** The same as {@link replay}: what makes a machine throw is nothing that it ever came to. */
function replayed(path: string, step: FullStep, rows: WeakMap<Subject, RecordedRow>): string | null {
  try {
    return replay(step, rows);
  } catch (error) {
    const of = `${step.machine} ${JSON.stringify(step.subject.name)}`;
    const reason = `holds a step of ${of} that its machine cannot make; another program wrote it, record again`;
    throw new RecordingError('ERR_RECORDING_DAMAGED', path, reason, { cause: error });
  }
}

/** Makes a step of a row again. @returns What it comes to; `null`: its machine ignores the event. */
function replay(
  { machine, subject, event, row }: FullStep,
  rows: WeakMap<Subject, RecordedRow>
): string | null {
  const before = row ?? rows.get(subject)!;
  const after = event === null ? made(machine, before) : stepped(machine, before, event);
  rows.set(subject, after);
  if (after === before && event !== null) return null;
  return outcomeOf(after.state, dueAtOf(machine, after));
}

/** Only these leave a time behind that steps record. */
function dueAtOf(machine: RecordedMachine, { context }: RecordedRow): number | null {
  return machine === 'batch' ? null : (context as { readonly dueAt: number | null }).dueAt;
}

function made(machine: RecordedMachine, { context }: RecordedRow): RecordedRow {
  if (machine === 'task') {
    const input = context as TaskRow['context'];
    return taskLifecycle.create({ ...input, startAfter: input.dueAt });
  }
  if (machine === 'batch') return batchLifecycle.create(context as BatchRow['context']);
  return scheduleLifecycle.create(context as ScheduleRow['context']);
}

function stepped(machine: RecordedMachine, row: RecordedRow, event: object): RecordedRow {
  if (machine === 'task') return taskLifecycle.step(row as TaskRow, event as TaskEvent);
  if (machine === 'batch') return batchLifecycle.step(row as BatchRow, event as BatchEvent);
  return scheduleLifecycle.step(row as ScheduleRow, event as ScheduleEvent);
}

function outcomeOf(state: string, dueAt: number | null): string {
  return dueAt === null ? state : `${state}, due at ${dueAt}`;
}

/** Checks a recording in memory: of its rows too it has no contexts. */
export function checkMoves(recording: Recording): RecordingCheck {
  const { turns, tasks, batches, schedules, workers, ending } = recording;
  const sessionStarts = new Set(recording.sessions.map(({ firstTurn }) => firstTurn));
  const moves = chartMoves();
  const states = new Map<string, string>();
  const names = { task: tasks.map(({ key }) => key), batch: batches, schedule: schedules, worker: workers };
  let comparedMoves = 0;
  for (const [index, { turn, steps }] of turns.entries()) {
    // What a killed process did last is not recorded: the next one begins with what it found.
    if (sessionStarts.has(index)) states.clear();
    for (const step of steps) {
      comparedMoves += 1;
      const { machine, subject, event, to } = step;
      const id = `${machine} ${subject}`;
      const known = states.get(id);
      states.set(id, to);
      const isContinued = known === undefined || event === null || known === step.from;
      const expected = isContinued ? moveOf(moves, step) : null;
      if (expected === to) continue;
      const name = machine in names ? names[machine as keyof typeof names][subject]! : machine;
      const difference = { turn, machine, subject: name, event, expected, recorded: to };
      return { isSound: false, turns: turns.length, replayedSteps: 0, comparedMoves, ending, difference };
    }
  }
  return { isSound: true, turns: turns.length, replayedSteps: 0, comparedMoves, ending, difference: null };
}

/** The recorded state, if the chart has a way there. */
function moveOf(
  moves: Readonly<Record<RecordedMachine, ChartMoves>>,
  {
    machine,
    event,
    from,
    to
  }: Pick<RecordedStep, 'machine' | 'from' | 'to'> & {
    readonly event: { readonly type: string } | string | null;
  }
): string | null {
  const type = typeof event === 'string' ? event : (event?.type ?? null);
  return moves[machine].allows(from, type, to) ? to : null;
}

function chartMoves(): Readonly<Record<RecordedMachine, ChartMoves>> {
  const moves: Partial<Record<RecordedMachine, ChartMoves>> = {};
  for (const [id, chart] of Object.entries(recordedCharts)) {
    moves[id as RecordedMachine] = new ChartMoves(chart);
  }
  return moves as Record<RecordedMachine, ChartMoves>;
}
