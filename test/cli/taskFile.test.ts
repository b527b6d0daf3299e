import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openTaskFile } from '../../src/cli/taskFile.ts';
import { Folder } from './command.ts';

const types = new Set(['resize']);

/** What the input is called, and how it is refused. */
async function refusal(content: string | Buffer, known = types): Promise<string> {
  const folder = new Folder();
  folder.write('in.jsonl', content);
  const path = join(folder.path, 'in.jsonl');
  const error = await openTaskFile(path, known).then(
    () => 'accepted',
    (error: Error) => error.message
  );
  return error.replaceAll(path, 'in.jsonl');
}

async function tasksOf(content: string | Buffer, known = types): Promise<unknown[]> {
  const folder = new Folder();
  folder.write('in.jsonl', content);
  await using file = await openTaskFile(join(folder.path, 'in.jsonl'), known);
  return Array.fromAsync(file.tasks());
}
