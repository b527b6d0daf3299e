import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { Folder } from './command.ts';

const source = `
import { createMachine } from 'xstate';
export const door: ReturnType<typeof createMachine> = createMachine({
  id: 'door', initial: 'closed', states: { closed: { on: { open: 'opened' } }, opened: { entry: () => {} } }
});
export const lamp = createMachine({ id: 'lamp' });
export default lamp;
export const other = 1;
`;

test('visualize draws every machine that a module exports, each once', async () => {
  const folder = folderWith(source);
  const exit = await folder.run(['visualize', 'machines.ts', '--out', 'drawings/new']);
  expect(exit).toEqual({ code: 0, stdout: 'drawings/new/door.svg\ndrawings/new/lamp.svg\n', stderr: '' });
  expect(folder.read('drawings/new/door.svg')).toContain('data-source="closed" data-target="opened"');
});

test('visualize writes Mermaid of one machine', async () => {
  const folder = folderWith(source);
  const { stdout } = await folder.run([
    'visualize',
    'machines.ts',
    '--export',
    'door',
    '--format',
    'mermaid'
  ]);
  expect(stdout).toBe('door.mmd\n');
  expect(folder.read('door.mmd')).toMatch(/^stateDiagram-v2\n/);
});

test('visualize writes what Stately Studio imports, and tells what is a function', async () => {
  const folder = folderWith(source);
  const exit = await folder.run(['visualize', 'machines.ts', '--export', 'door', '--format', 'stately']);
  expect(exit).toEqual({
    code: 0,
    stdout: 'door.stately.json\ndoor.stately.ts\n',
    stderr: 'door: states.opened.entry is a function; it is called inline in actions\n'
  });
  expect(JSON.parse(folder.read('door.stately.json'))).toMatchObject({ id: 'door' });
});

test('visualize draws the default export of a CommonJS module under the id of its machine', async () => {
  const folder = folderWith(source);
  folder.write('one.cjs', "module.exports = require('xstate').createMachine({ id: 'one' });");
  expect((await folder.run(['visualize', 'one.cjs'])).stdout).toBe('one.svg\n');
});

describe('visualize ends with 2 and says what to do when', () => {
  test.each([
    ['there is no such file', ['none.ts'], 'the machines none.ts cannot be read: ENOENT'],
    ['the module does not load', ['broken.ts'], 'the machines broken.ts do not load: Error: not today'],
    ['it exports no machine', ['plain.ts'], 'plain.ts exports no machine; export what `createMachine` or'],
    [
      'it exports no such machine',
      ['machines.ts', '--export', 'gate'],
      'machines.ts exports no machine gate; it exports door, lamp'
    ],
    [
      'the format is unknown',
      ['machines.ts', '--format', 'png'],
      'Allowed choices are svg, mermaid, stately.'
    ],
    [
      'nothing can be written there',
      ['machines.ts', '--out', 'plain.ts/in'],
      'cannot be written: ENOTDIR: not a directory, mkdir'
    ]
  ])('%s', async (_, args, message) => {
    const folder = folderWith(source);
    folder.write('plain.ts', 'export const answer: number = 42;');
    folder.write('broken.ts', "throw new Error('not today');");
    const { code, stdout, stderr } = await folder.run(['visualize', ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(readdirSync(folder.path).filter((name) => name.endsWith('svg'))).toEqual([]);
  });
});

/** A folder with a module of machines, which finds the XState of this project. */
function folderWith(text: string): Folder {
  const folder = new Folder();
  folder.write('machines.ts', text);
  folder.write('package.json', '{ "type": "module" }');
  mkdirSync(join(folder.path, 'node_modules'));
  const xstate = fileURLToPath(new URL('../../node_modules/xstate', import.meta.url));
  symlinkSync(xstate, join(folder.path, 'node_modules/xstate'), 'junction');
  return folder;
}
