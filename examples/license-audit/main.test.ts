import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { makeFolder, mitText, type Files } from './fixtures.ts';

const packageCount = 30;

describe('the audit as a program', () => {
  it('goes on where kill -9 has ended it, and audits every package once', async () => {
    await using project = await makeProject();
    const killed = start(project.path);
    await killed.progress;
    killed.kill('SIGKILL');
    expect(await killed.end).toMatchObject({ signal: 'SIGKILL' });

    const { code, stdout } = await start(project.path).end;

    expect(code).toBe(0);
    const [, done] = /^Resuming: (\d+) of 30 done/.exec(stdout)!;
    expect(Number(done)).toBeGreaterThan(0);
    expect(Number(done)).toBeLessThan(packageCount);
    const lines = await readResults(project.path);
    expect(lines.map(({ path }) => path)).toEqual(namesOfPackages());
    expect(lines.filter(({ status }) => status === 'failed')).toMatchObject([
      { path: 'node_modules/p29', error: expect.stringContaining('package.json is not JSON') as string }
    ]);
  });

  it('drains on Ctrl-C, says how to go on, and exits with 130', async () => {
    await using project = await makeProject();
    const interrupted = start(project.path);
    await interrupted.progress;
    interrupted.kill('SIGINT');

    const { code, stderr } = await interrupted.end;

    expect(code).toBe(130);
    expect(stderr).toMatch(/\d+ of 30 done\. `npm start` goes on from there\./);
    expect((await start(project.path).end).stdout).toMatch(/^Resuming/);
  });

  it('reports a finished audit from the store, and audits anew with --fresh', async () => {
    await using project = await makeFolder(packageNamed('a'));
    expect((await start(project.path).end).stdout).toMatch(/^Packages to audit: 1 /);
    expect((await start(project.path).end).stdout).toMatch(/^This tree was audited on .* --fresh\n/);
    expect((await start(project.path, '--fresh').end).stdout).toMatch(/^Packages to audit: 1 /);
  });

  it('forgets the audit of a tree that is no longer there', async () => {
    await using project = await makeProject();
    const killed = start(project.path);
    await killed.progress;
    killed.kill('SIGKILL');
    await killed.end;
    await writeFile(join(project.path, 'node_modules', 'p29', 'package.json'), '{"name":"p29"}');

    const { code, stdout } = await start(project.path).end;

    expect(code).toBe(0);
    expect(stdout).toMatch(/^Packages to audit: 30 /);
  });

  it('exits with 1 when it cannot run, and says why', async () => {
    await using project = await makeFolder({});
    expect(await start(project.path).end).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('npm install') as string
    });
    await using other = await makeFolder(packageNamed('a'));
    expect(await start(other.path, '--workers', '0').end).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^ValidationError: config\.maxConcurrentWorkers is 0/) as string
    });
  });
});

/** Large enough for a run to be interrupted on its way. The last package is broken. */
async function makeProject() {
  const project = await makeFolder({
    ...(Object.assign({}, ...namesOfPackages().map((path) => packageNamed(path.split('/')[1]!))) as Files),
    'node_modules/p29/package.json': '{'
  });
  for (const path of namesOfPackages()) {
    const file = join(project.path, path, 'large.bin');
    await writeFile(file, '');
    await truncate(file, 12_000_000);
  }
  return project;
}

function namesOfPackages(): string[] {
  return Array.from(
    { length: packageCount },
    (_, index) => `node_modules/p${String(index).padStart(2, '0')}`
  );
}

function packageNamed(name: string): Files {
  return {
    [`node_modules/${name}/package.json`]: { name, version: '1.0.0', license: 'MIT' },
    [`node_modules/${name}/LICENSE`]: mitText
  };
}

function start(cwd: string, ...options: string[]) {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const tsconfig = fileURLToPath(new URL('../../tsconfig.json', import.meta.url));
  const child = spawn(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), main, '--workers', '2', ...options],
    { cwd, env: { ...process.env, TSX_TSCONFIG_PATH: tsconfig } }
  );
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return {
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    /** The first tenth is done. */
    progress: new Promise<void>((resolve) => {
      child.stderr.on('data', () => stderr.includes(' of 30 ') && resolve());
    }),
    end: once(child, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      stdout,
      stderr
    }))
  };
}

async function readResults(root: string): Promise<{ path: string; status: string; error?: string }[]> {
  const text = await readFile(join(root, '.fleet', 'license-audit.jsonl'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { path: string; status: string; error?: string });
}
