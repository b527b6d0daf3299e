import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { UsageError } from '../../src/cli/failure.ts';
import { openTaskFile } from '../../src/cli/taskFile.ts';
import { jsonLine } from '../../src/cli/terminal.ts';
import type { Task } from '../../src/index.ts';
import type { SeededRandom } from '../../src/testing/seededRandom.ts';
import { damage } from './damage.ts';
import type { HostileFleet } from './hostileFleet.ts';
import type { HostileReport } from './report.ts';
import { sameData } from './sameData.ts';
import { anyJson, anyText } from './values.ts';
import { endingOf } from './verdict.ts';

/** What `--handlers` would have. */
const types = new Set(['echo']);

/**
 * Writes a file of tasks that is damaged as values, as text or as bytes, and has it read as the command line does.
 *
 * @param mostMs - How long it may take.
 * @param told - Told what was done to it.
 * @returns What went wrong; `null`: it was refused by its lines, or its tasks run as they were written.
 */
export async function fileProblem(
  random: SeededRandom,
  fleet: HostileFleet,
  folder: string,
  report: HostileReport,
  mostMs: number,
  told: (damage: readonly string[]) => void
): Promise<string | null> {
  const path = join(folder, 'tasks.jsonl');
  const { bytes, done } = content(random);
  told(done);
  await writeFile(path, bytes);
  const ending = await endingOf(() => readAll(path), mostMs);
  if (ending.status === 'hung') return `took ${Math.round(ending.ms)} ms, or more`;
  if (ending.status === 'refused') return problemOfUsage(ending.error, path, report);
  const tasks = ending.reply as Task[];
  const batchId = await fleet.api.submitBatch(tasks as never);
  const stored = await fleet.api.listTasks({ batchId, limit: 1_000 });
  await fleet.api.cancelBatch(batchId);
  await fleet.api.removeBatch(batchId);
  for (const [index, { id, data }] of tasks.entries()) {
    if (stored[index]?.id !== id) return `was taken, but not the id of task ${index}`;
    if (!sameData(data ?? null, stored[index]?.data)) return `was taken, but not the data of task ${index}`;
    if (!isDeepStrictEqual(JSON.parse(jsonLine(stored[index])), stored[index]))
      return 'is printed with a loss';
    if (/[\p{Cc}\u2028-\u202e\u2066-\u2069]/u.test(jsonLine(stored[index]).slice(0, -1)))
      return 'prints what a terminal obeys';
  }
  report.accepted += 1;
  return null;
}

async function readAll(path: string): Promise<Task[]> {
  await using file = await openTaskFile(path, types);
  const tasks: Task[] = [];
  for await (const task of file.tasks()) tasks.push(task);
  return tasks;
}

function problemOfUsage(error: unknown, path: string, report: HostileReport): string | null {
  if (!(error instanceof UsageError)) return `threw ${error instanceof Error ? error.stack : typeof error}`;
  const [first, ...lines] = error.message.split('\n');
  if (first !== 'nothing was started, the input is not good:') return `says first: ${first}`;
  if (/[^\P{Cc}\n]|[\u2028-\u202e\u2066-\u2069]/u.test(error.message))
    return `says what a terminal obeys: ${JSON.stringify(error.message)}`;
  if (!lines.every((line) => line.startsWith(`${path}:`) || line === 'Lines after these were not looked at.'))
    return `names no line: ${error.message}`;
  report.refused.set('lines of a file', (report.refused.get('lines of a file') ?? 0) + 1);
  return null;
}

function content(random: SeededRandom): { bytes: Buffer; done: string[] } {
  const tasks: unknown[] = Array.from({ length: random.integer(1, 3) }, (_, index) => ({
    id: `task ${index}`,
    type: 'echo',
    data: anyJson(random, 3),
    priority: 1,
    timeoutMs: 1.5
  }));
  const done = random.chance(0.5) ? damage(tasks, random) : [];
  const text = Array.from(tasks, lineOf).join(random.pick(['\n', '\r\n', '\n\n', '\n \n']));
  const bytes = Buffer.from(random.chance(0.1) ? `\ufeff${text}` : text);
  return random.chance(0.5) ? { bytes: damageBytes(bytes, random, done), done } : { bytes, done };
}

/** What cannot be written as JSON, or would not end, is written as it would be printed. */
function lineOf(task: unknown): string {
  let values = 0;
  const counted = (_: string, value: unknown): unknown => {
    if (++values > 300_000) throw new Error('Too many values');
    return value;
  };
  try {
    return JSON.stringify(task, counted) ?? 'undefined';
  } catch {
    return '[object Object]';
  }
}

function damageBytes(bytes: Buffer, random: SeededRandom, done: string[]): Buffer {
  const at = random.integer(0, bytes.length);
  const insert = (part: string | Buffer, what: string): Buffer => {
    done.push(`insert ${what} at byte ${at}`);
    return Buffer.concat([bytes.subarray(0, at), Buffer.from(part as string), bytes.subarray(at)]);
  };
  switch (random.integer(0, 6)) {
    case 0:
      done.push(`cut at byte ${at}`);
      return bytes.subarray(0, at);
    case 1:
      return insert(Buffer.from([random.integer(0x80, 0xff)]), 'a byte');
    case 2:
      return insert(anyText(random), 'text');
    case 3:
      return insert('1e400', '1e400');
    case 4:
      return insert('['.repeat(100_000), '100,000 brackets');
    case 5:
      return insert('\u001b]52;c;aGk=\u0007\r\u009b2J', 'escapes');
    default:
      done.push('encode as UTF-16');
      return Buffer.from(bytes.toString(), 'utf16le');
  }
}
