import { batchStates, type BatchState } from '../../machines/batch.ts';
import { scheduleStates, type ScheduleState } from '../../machines/schedule.ts';
import { taskStatuses, type TaskError, type TaskStatus } from '../../machines/task.ts';
import { batchLifecycle, scheduleLifecycle, taskLifecycle } from '../ledger/lifecycles.ts';
import type { Decoding } from './cells.ts';
import { readNumber, readObject, readTime } from './jsonValues.ts';
import { recordedStates } from './recordedCharts.ts';
import type { AgentLine, StepCells } from './lines.ts';
import type { RecordedMachine, RecordedTask, StepDetail } from './recording.ts';
import {
  batchEvents,
  batchFields,
  taskEvents,
  taskFields,
  unrecordedOfTask,
  type EventFields
} from './rowCells.ts';
import { WordReader } from './words.ts';

/** A row or an agent that steps are about: one object from when it is first seen until it is final. */
export interface Subject {
  readonly machine: RecordedMachine;
  /** Key of a task, else an id. */
  readonly name: string;
  /** Of a task. */
  readonly task: RecordedTask | null;
  /** Where it is now. */
  state: string | null;
  /** Of a task: of the current or last attempt. */
  attempt: number;
  workerId: string | null;
}

/** A row: state and context, as far as they are recorded. */
export interface RecordedRow {
  readonly state: string;
  readonly context: object;
}

/** A step with all that is recorded of it. */
export interface FullStep {
  readonly machine: RecordedMachine;
  readonly subject: Subject;
  readonly event: { readonly type: string } | null;
  readonly from: string | null;
  readonly to: string;
  /** When the row is due after the step; `null`: no time is recorded. Of rows. */
  readonly dueAt: number | null;
  /** Of a row that is seen for the first time: as it was before, or as it was made. */
  readonly row: RecordedRow | null;
  readonly detail: StepDetail | undefined;
}

/** Reads the steps of one session, and follows the rows and agents in it. Memory: of those that are not final. */
export class StepReader {
  readonly #words = new WordReader();
  readonly #tasks = new Map<number, Subject>();
  /** Batches, schedules and agents, by machine and id. */
  readonly #others = new Map<string, Subject>();

  /** @throws {Error} for what no writer wrote. */
  readStep(cells: StepCells, at: number): FullStep {
    const [kind, , , , fields] = cells;
    const words = this.#words;
    const decoding: Decoding = { words, at };
    const machine = rowMachines[kind];
    const { eventsOf, rowOf, states, isFinal } = machineReaders[machine];
    const id = kind === 0 ? readNumber(cells[1]) : words.read(cells[1]);
    const type = cells[2] === null ? null : words.read(cells[2]);
    const to = words.read(cells[3]);
    const event = type === null ? null : { ...eventsOf(type, fields, decoding), type };
    const dueAt = cells[5] === null || cells[5] === undefined ? null : readTime(at + readNumber(cells[5]));
    const before = cells[6] === null || cells[6] === undefined ? null : words.read(cells[6]);
    for (const state of before === null ? [to] : [before, to]) {
      if (!states.has(state)) throw new Error(`${machine} has no state ${state}`);
    }
    const row =
      cells[7] === undefined ? null : { state: before ?? to, context: rowOf(id, cells[7], decoding) };
    const subject = this.#subject(machine, id, row);
    // One whose `before` comes again was stepped while nobody recorded.
    const from = type === null ? null : (before ?? subject.state);
    follow(subject, event, to);
    if (isFinal(to)) this.#forget(machine, id);
    return { machine, subject, event, from, to, dueAt, row, detail: detailOf(subject, event, to, dueAt) };
  }

  readAgent([, , machineWord, idWord, eventWord, toWord, reason]: AgentLine): FullStep {
    const words = this.#words;
    const machine = agentOf(words.read(machineWord));
    const id = words.read(idWord);
    const type = eventWord === null ? null : words.read(eventWord);
    const to = words.read(toWord);
    for (const path of to.split(' ')) {
      if (!agentStates[machine].has(path)) throw new Error(`${machine} has no state ${path}`);
    }
    const subject = this.#agent(machine, id);
    const from = type === null ? null : subject.state;
    subject.state = to;
    const event = type === null ? null : { type };
    const detail = typeof reason === 'string' ? { reason } : undefined;
    return { machine, subject, event, from, to, dueAt: null, row: null, detail };
  }

  #agent(machine: AgentMachine, id: string): Subject {
    const key = `${machine} ${id}`;
    let subject = this.#others.get(key);
    if (subject === undefined) {
      subject = { machine, name: id, task: null, state: null, attempt: 0, workerId: null };
      this.#others.set(key, subject);
    }
    return subject;
  }

  #subject(machine: RowMachine, id: number | string, row: RecordedRow | null): Subject {
    const known = machine === 'task' ? this.#tasks.get(id as number) : this.#others.get(`${machine} ${id}`);
    if (row === null) {
      if (known === undefined) throw new Error(`${machine} ${id} was never seen`);
      return known;
    }
    const context = row.context as Partial<RecordedTask> & { attempt?: number; workerId?: string | null };
    const subject: Subject = {
      machine,
      name: machine === 'task' ? context.key! : String(id),
      task:
        machine === 'task'
          ? { key: context.key!, batchId: context.batchId ?? null, type: context.type! }
          : null,
      state: row.state,
      attempt: context.attempt ?? 0,
      workerId: context.workerId ?? null
    };
    if (machine === 'task') this.#tasks.set(id as number, subject);
    else this.#others.set(`${machine} ${id}`, subject);
    return subject;
  }

  #forget(machine: RowMachine, id: number | string): void {
    if (machine === 'task') this.#tasks.delete(id as number);
    else this.#others.delete(`${machine} ${id}`);
  }
}

type RowMachine = (typeof rowMachines)[number];

const rowMachines = ['task', 'batch', 'schedule'] as const;

type AgentMachine = Exclude<RecordedMachine, RowMachine>;

const agentStates: Readonly<Record<AgentMachine, ReadonlySet<string>>> = {
  worker: new Set(recordedStates.worker),
  fleet: new Set(recordedStates.fleet),
  coordinator: new Set(recordedStates.coordinator),
  autoscaler: new Set(recordedStates.autoscaler)
};

function agentOf(name: string): AgentMachine {
  if (!Object.hasOwn(agentStates, name)) throw new Error(`${name} is no agent`);
  return name as AgentMachine;
}

interface MachineReader {
  readonly states: ReadonlySet<string>;
  readonly isFinal: (state: string) => boolean;
  readonly eventsOf: (type: string, fields: unknown, decoding: Decoding) => object;
  readonly rowOf: (id: number | string, cells: unknown, decoding: Decoding) => object;
}

const machineReaders: Readonly<Record<RowMachine, MachineReader>> = {
  task: {
    states: new Set(taskStatuses),
    isFinal: (state) => taskLifecycle.isFinal(state as TaskStatus),
    eventsOf: (type, fields, decoding) => decodeEvent(taskEvents, type, fields, decoding),
    rowOf: (seq, cells, decoding) => ({
      seq,
      ...taskFields.decode(cells, decoding),
      ...unrecordedOfTask
    })
  },
  batch: {
    states: new Set(batchStates),
    isFinal: (state) => batchLifecycle.isFinal(state as BatchState),
    eventsOf: (type, fields, decoding) => decodeEvent(batchEvents, type, fields, decoding),
    rowOf: (id, cells, decoding) => ({
      id,
      metadata: null,
      ...batchFields.decode(cells, decoding)
    })
  },
  schedule: {
    states: new Set(scheduleStates),
    isFinal: (state) => scheduleLifecycle.isFinal(state as ScheduleState),
    eventsOf: (_, fields) => readObject(fields),
    rowOf: (_, cells) => readObject(cells)
  }
};

function decodeEvent(events: EventFields, type: string, cells: unknown, decoding: Decoding): object {
  const fields = events.get(type);
  if (fields === undefined) throw new Error(`there is no event ${type}`);
  return fields.decode(cells, decoding);
}

function follow(subject: Subject, event: FullStep['event'], to: string): void {
  subject.state = to;
  if (event?.type !== 'task.claim') return;
  subject.attempt += 1;
  subject.workerId = (event as unknown as { readonly workerId: string }).workerId;
}

function detailOf(
  { machine, attempt, workerId }: Subject,
  event: FullStep['event'],
  to: string,
  dueAt: number | null
): StepDetail | undefined {
  if (machine !== 'task' || event === null) return undefined;
  const { error } = event as { readonly error?: TaskError };
  const isOfAttempt = event.type === 'task.claim' || event.type.startsWith('attempt.');
  if (!isOfAttempt && error === undefined) return undefined;
  return {
    ...(attempt > 0 && { attempt }),
    ...(attempt > 0 && workerId !== null && { workerId }),
    ...(error !== undefined && { error: error.message }),
    ...(to === 'backingOff' && dueAt !== null && { retryAt: dueAt })
  };
}
