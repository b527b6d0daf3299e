import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as machines from '../../machines/index.ts';
import * as bullmq from '../../src/executors/bullmq.ts';
import * as library from '../../src/index.ts';
import * as postgres from '../../src/stores/postgres.ts';
import * as sqlite from '../../src/stores/sqlite.ts';
import * as telemetry from '../../src/telemetry.ts';
import * as testing from '../../src/testing.ts';
import * as visualize from '../../src/visualize.ts';
import { ended, type EndedProcess } from '../endedProcess.ts';
import { buildPackage, loadedWith, removePackage, type BuiltPackage } from './builtPackage.ts';

let built: BuiltPackage;

beforeAll(async () => {
  built = await buildPackage();
});
afterAll(() => removePackage(built));

describe('an entry of the built package', () => {
  const sources = { index: library, bullmq, machines, postgres, sqlite, telemetry, testing, visualize };

  it.each(Object.entries(sources))(
    '%s exports what its source does, by the same names',
    async (name, source) => {
      expect(namesOf(await imported(name))).toEqual(namesOf(source));
    }
  );

  it('shares its classes and machines with the others', async () => {
    const [index, stores, charts] = await Promise.all(['index', 'sqlite', 'machines'].map(imported));
    const { FleetError } = index as unknown as typeof library;
    const { sqliteStore } = stores as unknown as typeof sqlite;
    expect(() => sqliteStore('')).toThrow(FleetError);
    expect(index!['taskMachine']).toBe(charts!['taskMachine']);
  });
});

describe('the built package loads', () => {
  it('with an import of it few files, and the libraries that making a fleet takes', () => {
    const { files, libraries } = loadedWith(built, 'index.js');
    expect(libraries).toEqual([
      '@datadog/sketches-js',
      '@xstate/store',
      'croner',
      'immer',
      'tinyqueue',
      'uuid',
      'xstate'
    ]);
    // Each costs some 0.5 ms; there would be 190 without bundling, and 41 without the groups of its configuration.
    expect(files.size).toBeLessThanOrEqual(32);
  });

  it.each([
    ['machines.js', ['xstate']],
    ['cli.js', ['commander']],
    ['driver.js', []],
    ['isolatedMain.js', []],
    ['sqlite.js', []],
    ['telemetry.js', []],
    ['visualize.js', []]
  ])('%s with these libraries alone: %j', (name, libraries) => {
    expect(loadedWith(built, name).libraries).toEqual(libraries);
  });

  it('no file of the fleet with the machines', () => {
    const modules = [...loadedWith(built, 'machines.js').files].flatMap(
      (name) => built.files.get(name)!.moduleIds
    );
    expect(modules.filter((id) => !id.includes('/machines/') && !id.startsWith('\0'))).toEqual([]);
  });

  it('what records, serves a page or starts threads when it is used', () => {
    const modules = [...loadedWith(built, 'index.js').files].flatMap(
      (name) => built.files.get(name)!.moduleIds
    );
    const has = (path: string) => modules.some((id) => id.endsWith(path));
    expect(has('/src/journal/journal.ts')).toBe(true);
    const lazy = ['dashboard/openPage.ts', 'recording/recorder.ts', 'executors/threadChannel.ts'];
    expect(lazy.filter((path) => has(`/src/${path}`))).toEqual([]);
  });
});

describe('in a process of its own, the built package', () => {
  it.each(['threads', 'processes'])(
    'stores in SQLite, runs handlers in %s and serves its page',
    async (how) => {
      write(
        'handlers.mjs',
        `import { NonRetryableError } from 'xstate-fleet';
       export const double = (n) => 2 * n;
       export const refuse = () => { throw new NonRetryableError('never'); };`
      );
      const { output, errors } = await run(
        `import { FleetManager, ${how} } from 'xstate-fleet';
       import { sqliteStore } from 'xstate-fleet/sqlite';
       const executor = ${how}({ module: new URL('./handlers.mjs', import.meta.url) });
       const store = sqliteStore(new URL('./${how}.db', import.meta.url).pathname);
       const fleet = new FleetManager({ executor, store, config: { maxConcurrentWorkers: 1 } });
       await fleet.start();
       const page = await fleet.serve({ port: 0 });
       const html = await (await fetch(page.url)).text();
       const batch = await fleet.submitBatch([
         { id: 'a', type: 'double', data: 21 },
         { id: 'b', type: 'refuse', data: null }
       ]);
       await fleet.waitForBatch(batch);
       const [a, b] = await Promise.all(['a', 'b'].map((id) => fleet.getTask(batch + '/' + id)));
       console.log(JSON.stringify([a.status, b.status, b.attempts, html.includes('<title>xstate-fleet')]));
       await fleet.stop();`
      );
      expect(errors).toBe('');
      expect(JSON.parse(output)).toEqual(['completed', 'failed', 1, true]);
    }
  );

  it('runs the command, and commands of it', async () => {
    write('twice.mjs', 'export const twice = (n) => 2 * n;');
    write('tasks.jsonl', '{"data": 4}\n');
    const command = [join(built.folder, 'dist/cli.js'), 'run', 'tasks.jsonl', '--handlers', 'twice.mjs'];
    const { code, errors } = await runNode(...command, '--isolate', 'threads', '--out', 'out.jsonl');
    expect({ code, errors }).toMatchObject({ code: 0 });
    const { output } = await runNode(command[0]!, 'status', '--store', '.fleet/tasks.db', '--json');
    expect(output).toContain('"completed"');
  });

  it('shows lines of its sources in stack traces, where Node is told to look for them', async () => {
    write('wrong.mjs', `import { FleetManager } from 'xstate-fleet'; new FleetManager({ handlers: 1 });`);
    const { errors } = await runNode('--enable-source-maps', join(built.folder, 'wrong.mjs'));
    expect(errors).toMatch(/ValidationError: .*handlers/);
    expect(errors).toMatch(/src\/\w+(\/\w+)*\.ts:\d+/);
  });
});

async function imported(entry: string): Promise<Record<string, unknown>> {
  const url = pathToFileURL(join(built.folder, `dist/${entry}.js`)).href;
  return (await import(/* @vite-ignore */ url)) as Record<string, unknown>;
}

/** Names of what is exported, and what functions and classes among it call themselves. */
function namesOf(module: object): Record<string, string> {
  const entries = Object.entries(module) as [string, unknown][];
  return Object.fromEntries(
    entries
      .map(([name, value]): [string, string] => [
        name,
        typeof value === 'function' ? value.name : typeof value
      ])
      .sort(([left], [right]) => (left < right ? -1 : 1))
  );
}

function write(name: string, text: string): void {
  writeFileSync(join(built.folder, name), text);
}

/** Runs a script in the folder of the package, where its name means it. */
function run(script: string): Promise<EndedProcess> {
  write('script.mjs', script);
  return runNode(join(built.folder, 'script.mjs'));
}

function runNode(...args: readonly string[]): Promise<EndedProcess> {
  const child = spawn(process.execPath, args, {
    cwd: built.folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    // What the test runner tells its own processes is not for this one.
    env: { ...process.env, NODE_OPTIONS: undefined }
  });
  return ended(child);
}
