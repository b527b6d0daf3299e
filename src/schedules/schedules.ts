import type { LedgerCommand, NewSchedule } from '../../machines/fleetCommand.ts';
import {
  catchUps,
  overlaps,
  type CatchUp,
  type Overlap,
  type ScheduleRun,
  type ScheduleSpec,
  type ScheduleState
} from '../../machines/schedule.ts';
import { NotFoundError } from '../errors.ts';
import { pageSize } from '../fleet/fleetReader.ts';
import type { ScheduleRow, StoreReader } from '../store.ts';
import type { DataReader } from '../submission/schema.ts';
import { oneOf } from '../turn/admission.ts';
import { parseJson } from '../validation/jsonText.ts';
import {
  assertIdWithoutSlash,
  assertInteger,
  assertOneOf,
  assertText,
  assertTime,
  readFields,
  readOptions,
  refuse
} from '../validation/validation.ts';
import { readTemplate, type ScheduleTemplate } from './scheduleTemplate.ts';
import { isTimeZone, parseCron } from './scheduleTimes.ts';

/** When a schedule fires: at the times of a cron expression, or at an interval. */
export type ScheduleTiming =
  | {
      /** 5 fields (minute first), 6 (second first) or 7 (year last), or a nickname such as `@daily`. */
      readonly cron: string;
      /** IANA name. Defaults to `UTC`. */
      readonly timeZone?: string;
      readonly everyMs?: never;
    }
  | {
      /** Counted from `startAt`, which is the first time, or from when the schedule was made. Integer >= 1,000. */
      readonly everyMs: number;
      readonly cron?: never;
      readonly timeZone?: never;
    };

export interface ScheduleOptions {
  /**
   * What becomes of times that were missed: that passed while nobody ran the fleet, or that it came to more than a
   * minute late. `none`: nothing. `last`: one run for all of them. `all`: one for each of the last 100. Defaults to
   * `last`.
   */
  readonly catchUp?: CatchUp;
  /** Whether a time fires while what the last firing submitted has not settled. Defaults to `allow`. */
  readonly overlap?: Overlap;
  /** No time before this, epoch ms. */
  readonly startAt?: number;
  /** No time at or after this, epoch ms. */
  readonly endAt?: number;
  /** It ends with this run. Integer >= 1. */
  readonly maxRuns?: number;
}

/** A schedule as its caller sees it. */
export interface ScheduleStatus {
  readonly id: string;
  readonly status: ScheduleState;
  readonly cron?: string;
  readonly timeZone?: string;
  readonly everyMs?: number;
  readonly catchUp: CatchUp;
  readonly overlap: Overlap;
  readonly startAt?: number;
  readonly endAt?: number;
  readonly maxRuns?: number;
  /** How many tasks each firing submits. */
  readonly tasks: number;
  /** Epoch ms; absent: it is paused or has ended. */
  readonly nextAt?: number;
  /** What fired last. */
  readonly lastRun?: ScheduleRun;
  readonly runs: number;
  /** Times that were due and submitted nothing. */
  readonly skipped: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** The same, with what each firing submits. */
export interface ScheduleDetails extends ScheduleStatus {
  readonly template: ScheduleTemplate;
}

export interface ScheduleFilter {
  /** Integer in [1, 1,000]. Defaults to 100. */
  readonly limit?: number;
  /** Id of the last schedule of the page before. */
  readonly after?: string;
}

export interface SchedulesOptions {
  readonly scope: string;
  readonly store: StoreReader;
  /** `null`: any. */
  readonly types: () => ReadonlySet<string> | null;
  readonly readData: DataReader;
  /** Tasks that may wait at once; `null`: no limit. */
  readonly maxQueueSize: () => number | null;
  readonly send: <TReply>(command: LedgerCommand) => Promise<TReply>;
}

const timingNames = ['cron', 'timeZone', 'everyMs'];
const optionNames = ['catchUp', 'overlap', 'startAt', 'endAt', 'maxRuns'];
/** An id and a time are an id together. */
const maxIdBytes = 200;
const maxCronLength = 256;
const longestInterval = 100 * 366 * 24 * 3_600_000;

/** The schedules of one fleet: validates what is asked of them, and reads them. */
export class Schedules {
  readonly #options: SchedulesOptions;

  constructor(options: SchedulesOptions) {
    this.#options = options;
  }

  /** @returns Whether anything changed. */
  async put(
    id: string,
    timing: ScheduleTiming,
    template: ScheduleTemplate,
    options: ScheduleOptions
  ): Promise<boolean> {
    const schedule = await this.#read(id, timing, template, options);
    return this.#options.send<boolean>({ type: 'schedule.put', schedule });
  }

  async remove(id: string): Promise<boolean> {
    assertScheduleId(id);
    return this.#options.send<boolean>({ type: 'schedule.remove', scheduleId: id });
  }

  async pause(id: string): Promise<void> {
    assertScheduleId(id);
    await this.#options.send({ type: 'schedule.pause', scheduleId: id });
  }

  async resume(id: string): Promise<void> {
    assertScheduleId(id);
    await this.#options.send({ type: 'schedule.resume', scheduleId: id });
  }

  async get(id: string): Promise<ScheduleDetails> {
    assertScheduleId(id);
    const { store, scope } = this.#options;
    const found = await store.readSchedule(scope, id);
    if (found === null) throw new NotFoundError('schedule', id);
    return { ...scheduleStatusOf(found.row), template: parseJson(found.template) as ScheduleTemplate };
  }

  async list(filter: ScheduleFilter): Promise<ScheduleStatus[]> {
    const { limit = 100, after } = readOptions('filter', filter, ['limit', 'after']);
    assertInteger('limit', limit, 1, pageSize);
    if (after !== undefined) assertScheduleId(after, 'after');
    const { store, scope } = this.#options;
    const rows = await store.listSchedules(scope, { limit, ...(after !== undefined && { after }) });
    return rows.map(scheduleStatusOf);
  }

  async #read(
    id: string,
    timing: ScheduleTiming,
    template: unknown,
    options: ScheduleOptions
  ): Promise<NewSchedule> {
    assertScheduleId(id);
    const spec = readSpec(timing, options);
    const { text, kind, tasks, types } = await readTemplate(template, id, this.#options.readData);
    const handled = this.#options.types();
    const unknown = handled && types.find((type) => !handled.has(type));
    if (handled && unknown !== undefined) refuse('type of a task of template', unknown, oneOf(handled));
    const most = this.#options.maxQueueSize();
    if (most !== null && tasks > most) {
      refuse(
        'template.tasks',
        `${tasks} tasks`,
        `at most ${most}, the fleet's maxQueueSize: more never find room`
      );
    }
    return { id, spec, kind, tasks, template: text };
  }
}

export function scheduleStatusOf({ state, context }: ScheduleRow): ScheduleStatus {
  const { id, spec, tasks, dueAt, lastRun, runs, skipped, createdAt, updatedAt } = context;
  const { cron, timeZone, everyMs, catchUp, overlap, startAt, endAt, maxRuns } = spec;
  return {
    id,
    status: state,
    ...(cron !== null && { cron }),
    ...(timeZone !== null && { timeZone }),
    ...(everyMs !== null && { everyMs }),
    catchUp,
    overlap,
    ...(startAt !== null && { startAt }),
    ...(endAt !== null && { endAt }),
    ...(maxRuns !== null && { maxRuns }),
    tasks,
    ...(dueAt !== null && { nextAt: dueAt }),
    ...(lastRun !== null && { lastRun }),
    runs,
    skipped,
    createdAt,
    updatedAt
  };
}

function assertScheduleId(id: unknown, argument = 'id'): asserts id is string {
  assertIdWithoutSlash(argument, id);
  if (Buffer.byteLength(id) > maxIdBytes) refuse(argument, id, `at most ${maxIdBytes} bytes of UTF-8`);
}

function readSpec(timing: ScheduleTiming, options: ScheduleOptions): ScheduleSpec {
  const given = readOptions('options', options, optionNames);
  const { catchUp = 'last', overlap = 'allow', startAt, endAt, maxRuns } = given;
  assertOneOf('options.catchUp', catchUp, catchUps);
  assertOneOf('options.overlap', overlap, overlaps);
  if (startAt !== undefined) assertTime('options.startAt', startAt);
  if (endAt !== undefined) assertTime('options.endAt', endAt);
  if (endAt !== undefined && startAt !== undefined && endAt <= startAt) {
    refuse('options.endAt', endAt, `later than options.startAt, ${startAt}`);
  }
  if (maxRuns !== undefined) assertInteger('options.maxRuns', maxRuns, 1, Number.MAX_SAFE_INTEGER);
  return {
    ...readTiming(timing),
    catchUp,
    overlap,
    startAt: startAt === undefined ? null : Math.ceil(startAt) + 0,
    endAt: endAt ?? null,
    maxRuns: maxRuns ?? null
  };
}

function readTiming(timing: ScheduleTiming): Pick<ScheduleSpec, 'cron' | 'timeZone' | 'everyMs'> {
  // What a pattern of several words is worth is for croner to say.
  const { cron, timeZone, everyMs }: { cron?: unknown; timeZone?: unknown; everyMs?: unknown } = readOptions(
    'timing',
    readFields('timing', timing),
    timingNames
  );
  if (everyMs !== undefined) {
    if (cron !== undefined) refuse('timing.everyMs', everyMs, 'absent where cron is given');
    if (timeZone !== undefined) refuse('timing.timeZone', timeZone, 'absent where everyMs is given');
    assertInteger('timing.everyMs', everyMs, 1_000, longestInterval);
    return { cron: null, timeZone: null, everyMs };
  }
  if (cron === undefined) refuse('timing', timing, '{ cron } or { everyMs }');
  const zone = timeZone === undefined ? 'UTC' : timeZone;
  assertText('timing.timeZone', zone);
  if (!isTimeZone(zone)) refuse('timing.timeZone', zone, 'an IANA time zone, such as Europe/Berlin');
  return { cron: readCron(cron, zone), timeZone: zone, everyMs: null };
}

function readCron(cron: unknown, timeZone: string): string {
  assertText('timing.cron', cron);
  const text = cron.trim().replace(/\s+/g, ' ');
  // croner takes a date too: that is no recurrence.
  if (text.length > maxCronLength || !/^(@\w+|\S+( \S+){4,6})$/.test(text)) {
    refuse('timing.cron', cron, "5 to 7 fields, such as '*/5 * * * *', or a nickname such as @daily");
  }
  try {
    parseCron(text, timeZone);
  } catch (error) {
    refuse('timing.cron', cron, `a cron expression that croner takes (${(error as Error).message})`);
  }
  return text;
}
