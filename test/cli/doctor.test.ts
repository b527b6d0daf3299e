import { readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { describe, expect, it, test } from 'vitest';
import type { StoreReport } from '../../src/stores/sqlite.ts';
import { Folder, numberedTasks } from './command.ts';

const handlers = 'export const work = ({ n }) => { if (n % 2 === 0) throw new Error("broken"); };\n';

test('doctor calls a store sound that a run left, and ends with 0', async () => {
  const folder = await folderWithStore();
  const { code, stdout, stderr } = await folder.run(['doctor']);
  expect(stdout).toMatch(
    /^Store .*tasks\.db: sound\.\nFleet cli: turn \d+, 4 tasks \(0 to run\), 1 batch, 4 results/
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

test('doctor says what is damaged and what to do, and ends with 1', async () => {
  const folder = await folderWithStore();
  change(folder, "UPDATE results SET result = '1' WHERE success = 1");

  const { code, stdout } = await folder.run(['doctor']);
  expect(stdout).toMatch(/^Store .*: 2 findings\.$/m);
  expect(stdout).toMatch(
    /^- Fleet cli: result 1 of task "b\/1" is damaged.*\nWhat to do: stop the fleet, keep a copy/m
  );
  expect(code).toBe(1);

  const { findings, isSound } = JSON.parse((await folder.run(['doctor', '--json'])).stdout) as StoreReport;
  expect(isSound).toBe(false);
  expect(findings).toMatchObject([{ kind: 'row' }, { kind: 'row' }]);
});

test('doctor ends with 2 where there is nothing to check', async () => {
  const folder = new Folder();
  folder.write('empty.db', '');
  expect(await folder.run(['doctor', '--store', 'no.db'])).toMatchObject({
    code: 2,
    stdout: expect.stringContaining('there is no file') as string
  });
  expect((await folder.run(['doctor', '--store', 'empty.db'])).code).toBe(2);
});

describe.each<[what: string, told: RegExp, damage: (folder: Folder) => void]>([
  [
    'cut in half',
    /cannot be read: .*restore a copy/,
    (folder) => truncateSync(pathIn(folder), readFileSync(pathIn(folder)).length / 2)
  ],
  [
    'foreign',
    /the database of another program.*use another path/,
    (folder) => change(folder, 'PRAGMA application_id = 7')
  ],
  [
    'of a later version',
    /has version 9 of its tables.*open it with the version that wrote it/,
    (folder) => change(folder, 'PRAGMA user_version = 9')
  ],
  [
    'damaged in its batch',
    /the row of batch "b" is damaged/,
    (folder) => change(folder, "UPDATE batches SET context = replace(context, '4', '5')")
  ]
])('a store that is %s', (_, told, damage) => {
  it.each([[['status']], [['results', '--batch', 'b']], [['cancel', 'b']], [['retry', 'b']]])(
    'is told by %j in one line, which ends with 2',
    async (args) => {
      const folder = await folderWithStore();
      damage(folder);
      const { code, stdout, stderr } = await folder.run(args);
      expect(stderr).toMatch(told);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    }
  );
});

async function folderWithStore(): Promise<Folder> {
  const folder = new Folder();
  folder.write('h.mjs', handlers);
  folder.write('tasks.jsonl', numberedTasks(4));
  await folder.run([
    'run',
    'tasks.jsonl',
    '--handlers',
    'h.mjs',
    '--batch',
    'b',
    '--retries',
    '0',
    '--workers',
    '1'
  ]);
  return folder;
}

function pathIn(folder: Folder): string {
  return join(folder.path, '.fleet/tasks.db');
}

function change(folder: Folder, sql: string): void {
  const database = new DatabaseSync(pathIn(folder));
  database.exec(sql);
  database.close();
}
