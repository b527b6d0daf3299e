import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { compiledFolder } from '../../reliability/compiled.ts';
import { openPage } from '../../src/cli/openPage.ts';
import { run } from '../../src/cli/run.ts';
import { pageFiles } from '../../src/dashboard/pageAssets.ts';
import { servedFleet, token } from '../dashboard/pages.ts';
import { Folder, numberedTasks } from './command.ts';

const waiting = `import { existsSync } from 'node:fs';
export async function wait({ n }) {
  while (!existsSync('go')) await new Promise((resolve) => setTimeout(resolve, 10));
  return n;
}
`;

/** The command runs compiled, where no page is unless the build has made it. */
beforeAll(() => {
  const folder = join(compiledFolder(), 'dist/page');
  mkdirSync(folder, { recursive: true });
  for (const name of Object.values(pageFiles)) {
    if (!existsSync(join(folder, name))) writeFileSync(join(folder, name), 'page');
  }
});

describe('run --ui', () => {
  it('says where the page is, shows the run while it lasts, and ends with it where nobody looks', async () => {
    const folder = new Folder();
    folder.write('h.mjs', waiting);
    folder.write('tasks.jsonl', numberedTasks(2));
    const command = folder.start(['run', 'tasks.jsonl', '--handlers', 'h.mjs', '--ui', '0']);
    const url = (await command.printed(/(?<=Live page: )http:\S+/)).trim();
    await expect
      .poll(async () => (await fetch(new URL('/api/tasks?status=running', url))).json())
      .toHaveLength(2);
    folder.write('go', '');
    const { code, stderr } = await command.exit;
    expect(code).toBe(0);
    expect(stderr).toContain('Set XSTATE_FLEET_TOKEN to use its buttons.');
    expect(stderr).not.toMatch(/token: /);
    await expect(fetch(url)).rejects.toThrow('fetch failed');
  });

  it('says that its port is taken, before anything is submitted', async () => {
    const { page } = await servedFleet({ handlers: {} });
    const { port } = new URL(page.url);
    const folder = new Folder();
    folder.write('h.mjs', waiting);
    folder.write('tasks.jsonl', numberedTasks(1));
    const { code, stderr } = await folder.run(['run', 'tasks.jsonl', '--handlers', 'h.mjs', '--ui', port]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining(`port ${port} of 127.0.0.1: it is taken`) as string
    ]);
  });

  it('stays on a terminal when all is settled, until it is interrupted', async () => {
    const folder = new Folder();
    folder.write('h.mjs', 'export const echo = ({ n }) => n;\n');
    folder.write('tasks.jsonl', numberedTasks(3));
    const terminal = new Terminal();
    const ended = run(join(folder.path, 'tasks.jsonl'), {
      handlers: join(folder.path, 'h.mjs'),
      store: join(folder.path, 'store.db'),
      fleet: 'cli',
      group: [],
      durability: 'process',
      ui: 0
    });
    const [, url] = await terminal.printed(/Live page: (http:\S+)/);
    await terminal.printed(/The live page stays/);
    expect(await (await fetch(new URL('/api/tasks?status=completed', url))).json()).toHaveLength(3);
    process.emit('SIGINT');
    expect(await ended).toBe(0);
    await terminal.printed(/3 of 3 completed/);
  });

  it.each(['65536', '-1', 'x'])('has no port %s', async (port) => {
    const { code, stderr } = await new Folder().run([
      'run',
      'tasks.jsonl',
      '--handlers',
      'h.mjs',
      `--ui=${port}`
    ]);
    expect([code, stderr]).toEqual([2, expect.stringContaining('0 to 65535') as string]);
  });
});

describe('the token of a run', () => {
  it('is shown on a terminal alone', async () => {
    expect(await notesOf({ isTTY: true })).toEqual([
      expect.stringMatching(/^Live page: /),
      expect.stringMatching(/^Its token: [\w-]{43}$/)
    ]);
    expect(await notesOf({ isTTY: false })).toEqual([
      expect.anything(),
      expect.not.stringContaining('token:')
    ]);
  });

  it('is that of the environment where it has one, and is not shown then', async () => {
    vi.stubEnv('XSTATE_FLEET_TOKEN', token);
    const notes = await notesOf({ isTTY: true });
    expect(notes).toEqual([expect.anything(), 'Its token is that of XSTATE_FLEET_TOKEN.']);
    expect(notes.join('\n')).not.toContain(token);
  });
});

/** What this process prints, as if to a terminal, until the end of the test. */
class Terminal {
  #text = '';
  readonly #listeners = new Set<() => void>();

  constructor() {
    const { isTTY } = process.stderr;
    process.stderr.isTTY = true;
    onTestFinished(() => void (process.stderr.isTTY = isTTY));
    for (const stream of [process.stdout, process.stderr]) {
      vi.spyOn(stream, 'write').mockImplementation((text, ...rest) => {
        this.#text += String(text);
        for (const listener of this.#listeners) listener();
        const done = rest.at(-1);
        if (typeof done === 'function') (done as (error?: Error | null) => void)();
        return true;
      });
    }
  }

  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#text);
      if (match !== null) return match;
      await new Promise<void>((resolve) => this.#listeners.add(resolve));
    }
  }
}

async function notesOf({ isTTY }: { readonly isTTY: boolean }): Promise<string[]> {
  const { fleet } = await servedFleet({ handlers: {} });
  const notes: string[] = [];
  const { isTTY: before } = process.stderr;
  process.stderr.isTTY = isTTY;
  try {
    await openPage(fleet as never, 0, (line) => void notes.push(line));
  } finally {
    process.stderr.isTTY = before;
  }
  return notes;
}
