import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Case, Figures } from '../case.ts';

const runs = 5;

/** The time that an import of the package takes, without the start of Node. */
export const importing: Case = {
  settings: `import('xstate-fleet') in a process that has imported nothing, median of ${runs}`,
  run: () =>
    medianOf(async () => {
      const script =
        "const began = performance.now(); await import('xstate-fleet'); console.log(performance.now() - began)";
      const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], {
        cwd: bench
      });
      return Number(stdout);
    })
};

/** From the start of Node to its end. */
export const helping: Case = {
  settings: `node xstate-fleet --help, from the start of the process to its end, median of ${runs}`,
  run: () => medianOf(() => lifeOf([cli(), '--help']))
};

/** What Node takes to start and end by itself. */
export const startingNode: Case = {
  settings: `node --eval 0, from the start of the process to its end, median of ${runs}`,
  run: () => medianOf(() => lifeOf(['--eval', '0']))
};

const run = promisify(execFile);
const bench = join(import.meta.dirname, '..');

async function medianOf(sample: () => Promise<number>): Promise<Figures> {
  const samples: number[] = [];
  for (let index = 0; index < runs; index++) samples.push(await sample());
  return { startMs: samples.toSorted((left, right) => left - right)[Math.floor(runs / 2)]! };
}

async function lifeOf(args: readonly string[]): Promise<number> {
  const began = performance.now();
  await run(process.execPath, [...args], { cwd: bench });
  return performance.now() - began;
}

function cli(): string {
  const root = dirname(createRequire(import.meta.url).resolve('xstate-fleet/package.json'));
  return join(root, 'dist/cli.js');
}
