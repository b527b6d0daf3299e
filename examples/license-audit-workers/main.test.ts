import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { sharedRedis } from '../../test/executors/bullmq/redisServer.ts';
import { makeFolder, mitText, type Files } from '../license-audit/fixtures.ts';

const packageCount = 24;
/** Four processes that compile what they load take long where all cores are busy. */
const limitMs = 300_000;
const redis = sharedRedis();

it(
  'audits every package once on three processes, one of which is killed half way',
  async ({ skip }) => {
    const url = redis.url(skip);
    await using project = await makeProject();

    const { code, stdout, stderr } = await run(project.path, '--redis', url);

    expect([code, stderr]).toEqual([0, expect.stringMatching(/Killed process \d+/)]);
    expect(stderr).toMatch(/ 24 of 24 /);
    expect(stdout).toContain('24 packages: 24 audited, 0 failed');
    expect(stdout).toContain('24 packages in 24 results;');
    const rows = [...stdout.matchAll(/^\d+ +\S+ +(\d+)(  killed half way)?$/gm)];
    expect(rows.filter(([, , killed]) => killed !== undefined)).toHaveLength(1);
    expect(rows.reduce((sum, [, packages]) => sum + Number(packages), 0)).toBe(packageCount);
    // What the killed worker had been given.
    expect(stdout).toMatch(/^node_modules\/p\d\d +\d +\S+$/m);
  },
  limitMs
);

/** Packages large enough that a worker is killed while it reads one. */
async function makeProject() {
  const names = Array.from({ length: packageCount }, (_, index) => `p${String(index).padStart(2, '0')}`);
  const files: Files = Object.assign(
    {},
    ...names.map((name) => ({
      [`node_modules/${name}/package.json`]: { name, version: '1.0.0', license: 'MIT' },
      [`node_modules/${name}/LICENSE`]: mitText
    }))
  ) as Files;
  const project = await makeFolder(files);
  for (const name of names) {
    const file = join(project.path, 'node_modules', name, 'large.bin');
    await writeFile(file, '');
    await truncate(file, 12_000_000);
  }
  return project;
}

async function run(cwd: string, ...options: string[]) {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const tsconfig = fileURLToPath(new URL('../../tsconfig.json', import.meta.url));
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), main, ...options], {
    cwd,
    env: { ...process.env, TSX_TSCONFIG_PATH: tsconfig },
    stdio: ['ignore', 'pipe', 'pipe']
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}
