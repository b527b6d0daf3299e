import { recordedTurns } from '../recording/recordedTurns.ts';
import { table } from '../validation/table.ts';
import { shortDurationText } from './duration.ts';
import { UsageError } from './failure.ts';
import { timeText, whyText } from './recordingText.ts';
import { printable } from './terminal.ts';

/** One step of a task's life. */
export interface LifeStep {
  readonly turn: number;
  /** Epoch ms. */
  readonly at: number;
  /** `null`: it came into being. */
  readonly event: string | null;
  readonly from: string | null;
  readonly to: string;
  readonly attempt?: number;
  readonly workerId?: string;
  readonly error?: string;
  readonly retryAt?: number;
}

export interface TaskLife {
  readonly key: string;
  readonly type: string;
  readonly steps: readonly LifeStep[];
}

/** Tasks of one id in several batches that a message names. */
const namedKeys = 5;

/** The recorded life of a task. @param name - Its key, or its id where no other task has it. @throws {UsageError} */
export async function taskLife(path: string, name: string): Promise<TaskLife> {
  const lives = new Map<string, { readonly type: string; readonly steps: LifeStep[] }>();
  for await (const { turn, at, steps } of recordedTurns(path)) {
    for (const { subject, event, from, to, detail } of steps) {
      if (subject.task === null || !(subject.name === name || subject.name.endsWith(`/${name}`))) continue;
      let life = lives.get(subject.name);
      if (life === undefined) lives.set(subject.name, (life = { type: subject.task.type, steps: [] }));
      life.steps.push({ turn, at, event: event?.type ?? null, from, to, ...detail });
    }
  }
  const key = lives.has(name) ? name : onlyKey(name, [...lives.keys()]);
  return { key, ...lives.get(key)! };
}

function onlyKey(name: string, keys: readonly string[]): string {
  if (keys.length === 1) return keys[0]!;
  if (keys.length === 0) throw new UsageError(`no task ${name} was stepped in the recording; pass its key`);
  const named = keys.slice(0, namedKeys).join(', ');
  throw new UsageError(`${keys.length} tasks have the id ${name}; pass the key of one: ${named}`);
}

/** The same as a table. */
export function taskLifeText({ key, type, steps }: TaskLife): string {
  const rows = steps.map((step, index) => [
    timeText(step.at),
    `+${shortDurationText(step.at - (steps[index - 1] ?? step).at)}`,
    step.event ?? 'made',
    `${step.from === null ? '' : `${step.from} `}-> ${step.to}`,
    step.attempt === undefined ? '' : String(step.attempt),
    printable(step.workerId ?? ''),
    reasonOf(step)
  ]);
  return (
    `Task ${printable(key)} of type ${printable(type)}\n` +
    table([['AT', 'AFTER', 'EVENT', 'STATE', 'ATTEMPT', 'WORKER', 'WHY'], ...rows], (column) => column === 4)
  );
}

function reasonOf({ at, event, error, retryAt }: LifeStep): string {
  if (error === undefined) return '';
  const isEnd = event?.startsWith('attempt.') ?? false;
  const why = isEnd ? whyText(event!, error) : printable(error);
  return retryAt === undefined ? why : `${why}; again in ${shortDurationText(Math.max(0, retryAt - at))}`;
}
