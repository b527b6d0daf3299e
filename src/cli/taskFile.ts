import { createHash, type Hash } from 'node:crypto';
import type { WorkerGroup } from '../../machines/fleetConfig.ts';
import { ValidationError } from '../errors.ts';
import { asItIs, type DataReader } from '../submission/schema.ts';
import { prepareTask, type Task } from '../submission/task.ts';
import { oneOf } from '../turn/admission.ts';
import { quote } from '../validation/show.ts';
import { refuse } from '../validation/validation.ts';
import { UsageError } from './failure.ts';
import { linesOf, type GoodLine, type Line } from './lines.ts';
import { TaskIds } from './taskIds.ts';
import { openTaskSource, type TaskSource } from './taskSource.ts';

/** Bad lines that are reported; those after them are not looked at. */
const maxProblems = 5;

/** A file of tasks, one JSON object a line, every line of which was found good. */
export interface TaskFile extends AsyncDisposable {
  /** The file's name without its extension. */
  readonly name: string;
  /** SHA-256 of its content, in hex. */
  readonly digest: string;
  readonly count: number;
  /** The tasks, read from the file again. @throws {UsageError} when it is not what it was. */
  tasks(): AsyncGenerator<Task, void, undefined>;
}

/**
 * Reads a file of tasks through, a line at a time, before anything is done with it.
 *
 * @param path - `-`: standard input.
 * @param types - Those that have a handler: when there is only one, tasks need not name it. Or just that of tasks that name
 * none, where another process has the handlers; `null`: all name theirs.
 * @param readData - Validates their data, by the schemas of their handlers.
 * @param groups - The workers that offer tags; `null`: another process has them.
 * @throws {UsageError} naming the first bad lines.
 */
export async function openTaskFile(
  path: string,
  types: TaskTypes,
  readData: DataReader = asItIs,
  groups: readonly WorkerGroup[] | null = []
): Promise<TaskFile> {
  const source = await openTaskSource(path);
  try {
    const { digest, count } = await validate(source, { types, readData, groups });
    return {
      name: source.name,
      digest,
      count,
      tasks: () => read(source, types, digest),
      [Symbol.asyncDispose]: () => source[Symbol.asyncDispose]()
    };
  } catch (error) {
    await source[Symbol.asyncDispose]();
    throw error;
  }
}

export type TaskTypes = ReadonlySet<string> | { readonly default: string } | null;

/** What a line is good by. */
interface Requirements {
  readonly types: TaskTypes;
  readonly readData: DataReader;
  readonly groups: readonly WorkerGroup[] | null;
}

async function validate(source: TaskSource, requirements: Requirements) {
  const hash = createHash('sha256');
  const ids = new TaskIds();
  const problems: string[] = [];
  let count = 0;
  for await (const line of linesOf(hashed(source, hash))) {
    const problem = await problemOf(line, ids, requirements);
    count += 1;
    if (problem === null) continue;
    problems.push(`${source.label}:${line.number}: ${problem}`);
    if (problems.length === maxProblems) break;
  }
  if (problems.length === 0) return { digest: hash.digest('hex'), count };
  const more = problems.length === maxProblems ? ['Lines after these were not looked at.'] : [];
  throw new UsageError('nothing was started, the input is not good:', ...problems, ...more);
}

async function* read(
  source: TaskSource,
  types: TaskTypes,
  digest: string
): AsyncGenerator<Task, void, undefined> {
  const hash = createHash('sha256');
  for await (const line of linesOf(hashed(source, hash))) {
    if ('problem' in line) throw changed(source);
    yield againOf(line, source, types);
  }
  if (hash.digest('hex') !== digest) throw changed(source);
}

async function* hashed(source: TaskSource, hash: Hash): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of source.bytes()) {
    hash.update(chunk);
    yield chunk;
  }
}

/** What is wrong with a line; `null` when nothing is. */
async function problemOf(
  line: Line,
  ids: TaskIds,
  { types, readData, groups }: Requirements
): Promise<string | null> {
  if ('problem' in line) return line.problem;
  try {
    const task = taskOf(line.text, line.number, types);
    // The batch and the time are those of the submission: no line is good or bad by them.
    const begun = prepareTask(task, 'task', 'batch', 0, { readData });
    const { id, tags, dependsOn } = begun instanceof Promise ? await begun : begun;
    const unknown = dependsOn?.find((other) => ids.lineOf(other) === null);
    if (unknown !== undefined) return `task.dependsOn names ${quote(unknown)}, which no earlier line has`;
    if (tags.length > 0 && groups?.some((group) => tags.every((tag) => group.tags.includes(tag))) === false) {
      return `task.tags is ${tags.map(quote).join(', ')}, which no worker offers; pass --group ${tags.join(',')}=1`;
    }
    const first = ids.add(id, line.number);
    return first === null ? null : `task.id is ${quote(id)}, which line ${first} has already`;
  } catch (error) {
    if (error instanceof ValidationError) return error.message;
    if (error instanceof SyntaxError) return `is not JSON: ${error.message}`;
    throw error;
  }
}

/** A task with what its line may leave out. */
function taskOf(text: string, number: number, types: TaskTypes): unknown {
  const value = JSON.parse(text) as unknown;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    refuse('the line', value, 'a JSON object');
  }
  const type = types instanceof Set ? onlyOneOf(types) : (types as { default: string } | null)?.default;
  const task: { type?: unknown } = {
    id: String(number),
    ...(type !== undefined && { type }),
    ...value
  } as object;
  if (types instanceof Set && !types.has(task.type)) refuse('task.type', task.type, oneOf(types));
  return task;
}

function onlyOneOf(types: ReadonlySet<string>): string | undefined {
  return types.size === 1 ? [...types][0] : undefined;
}

/** The task of a line that was good when it was validated. */
function againOf({ text, number }: GoodLine, source: TaskSource, types: TaskTypes): Task {
  try {
    return taskOf(text, number, types) as Task;
  } catch {
    throw changed(source);
  }
}

function changed({ label }: TaskSource): UsageError {
  return new UsageError(`${label} was changed while it was read; run it again`);
}
