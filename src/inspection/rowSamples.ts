import { crc32 } from 'node:zlib';
import type { BatchRow, ScheduleRow, TaskRow } from '../store.ts';
import {
  assertId,
  assertInteger,
  assertKey,
  readItems,
  readOptions,
  refuse
} from '../validation/validation.ts';

/** Which rows an inspector sees as actors. What is left out of it has its default. */
export interface RowSamples {
  readonly tasks?: TaskSample;
  readonly batches?: RowSample;
  readonly schedules?: RowSample;
}

interface SampleBounds {
  /** So large a part of what the other conditions leave, in [0, 1]; the same rows each time. Defaults to 1. */
  readonly rate?: number;
  /**
   * At most so many are followed at a time, and at most so many new ones in a second. Integer in [0, 1,000].
   * Defaults to 20 tasks, 5 batches and 5 schedules, or to as many as are named.
   */
  readonly max?: number;
}

/** Tasks for which all conditions hold that are given. Lists of at most 1,000. */
export interface TaskSample extends SampleBounds {
  /** `batchId/taskId`, or the id alone for a single task. */
  readonly keys?: readonly string[];
  readonly batchIds?: readonly string[];
  readonly types?: readonly string[];
}

/** Batches or schedules for which all conditions hold that are given. */
export interface RowSample extends SampleBounds {
  /** At most 1,000. */
  readonly ids?: readonly string[];
}

/** A sample of the rows of one kind, validated. */
export interface RowChoice<TRow> {
  readonly max: number;
  readonly takes: (row: TRow) => boolean;
}

export interface RowChoices {
  readonly tasks: RowChoice<TaskRow>;
  readonly batches: RowChoice<BatchRow>;
  readonly schedules: RowChoice<ScheduleRow>;
}

/** How many are followed at a time: as many as a person can look at. */
const defaultMax = { tasks: 20, batches: 5, schedules: 5 } as const;
/** Beyond this, nobody looks at them one by one. */
const mostFollowed = 1_000;

/** Validates the samples and fills in the defaults. @throws {ValidationError} */
export function resolveRowSamples(samples: RowSamples): RowChoices {
  const argument = 'options.inspectRows';
  const given = readOptions(argument, samples, ['tasks', 'batches', 'schedules']);
  return {
    tasks: resolveTasks(`${argument}.tasks`, given.tasks ?? {}),
    batches: resolveRows(`${argument}.batches`, given.batches ?? {}, defaultMax.batches),
    schedules: resolveRows(`${argument}.schedules`, given.schedules ?? {}, defaultMax.schedules)
  };
}

function resolveTasks(argument: string, sample: TaskSample): RowChoice<TaskRow> {
  const given = readOptions(argument, sample, ['keys', 'batchIds', 'types', 'rate', 'max']);
  const keys = readNames(`${argument}.keys`, given.keys, assertKey);
  const batchIds = readNames(`${argument}.batchIds`, given.batchIds, assertId);
  const types = readNames(`${argument}.types`, given.types, assertId);
  const isInRate = readRate(`${argument}.rate`, given.rate);
  return {
    max: readMax(`${argument}.max`, given.max, keys?.size ?? defaultMax.tasks),
    takes: ({ context: { key, batchId, type } }) =>
      (keys === null || keys.has(key)) &&
      (batchIds === null || (batchId !== null && batchIds.has(batchId))) &&
      (types === null || types.has(type)) &&
      isInRate(key)
  };
}

function resolveRows(
  argument: string,
  sample: RowSample,
  defaultMax: number
): RowChoice<{ readonly context: { readonly id: string } }> {
  const given = readOptions(argument, sample, ['ids', 'rate', 'max']);
  const ids = readNames(`${argument}.ids`, given.ids, assertId);
  const isInRate = readRate(`${argument}.rate`, given.rate);
  return {
    max: readMax(`${argument}.max`, given.max, ids?.size ?? defaultMax),
    takes: ({ context: { id } }) => (ids === null || ids.has(id)) && isInRate(id)
  };
}

function readNames(
  argument: string,
  names: unknown,
  assertName: (argument: string, value: unknown) => asserts value is string
): ReadonlySet<string> | null {
  if (names === undefined) return null;
  const read = readItems(argument, names, mostFollowed).map((name, index) => {
    assertName(`${argument}[${index}]`, name);
    return name;
  });
  return new Set(read);
}

/** By a sum of the id, not by chance: what is followed is followed again after a restart. */
function readRate(argument: string, rate: unknown = 1): (id: string) => boolean {
  if (typeof rate !== 'number' || !(rate >= 0 && rate <= 1)) refuse(argument, rate, 'a number from 0 to 1');
  return rate === 1 ? () => true : (id) => crc32(id) / 2 ** 32 < rate;
}

function readMax(argument: string, max: unknown, defaultMax: number): number {
  if (max === undefined) return defaultMax;
  assertInteger(argument, max, 0, mostFollowed);
  return max;
}
