import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { applyMutant, type Mutant } from './mutant.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const copied = [
  'machines',
  'src',
  'test',
  'reliability',
  'examples',
  'visualizations',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'vitest.config.ts',
  'README.md',
  'docs'
];

/** What the tests said of a mutant. */
export interface Verdict {
  readonly mutant: Mutant;
  /** Title of the first test that failed; `null`: none did. */
  readonly caughtBy: string | null;
  readonly seconds: number;
}

/** A copy of the sources in which one mutant after the other is tried. */
export class CopiedTree {
  readonly #path: string;
  readonly #asksAll: boolean;

  private constructor(path: string, asksAll: boolean) {
    this.#path = path;
    this.#asksAll = asksAll;
  }

  /** @param asksAll - Whether the tests that a mutant does not name are asked where those that it names find nothing. */
  static async create(asksAll: boolean): Promise<CopiedTree> {
    const path = await mkdtemp(join(tmpdir(), 'mutants-'));
    await Promise.all(copied.map((name) => cp(join(root, name), join(path, name), { recursive: true })));
    // It compares the list with the sources, and would take every mutant for caught.
    await rm(join(path, 'test/reliability/mutants.test.ts'));
    await symlink(join(root, 'node_modules'), join(path, 'node_modules'));
    return new CopiedTree(path, asksAll);
  }

  /**
   * @param suspects - Mutants whose tests are to be asked.
   * @throws {Error} when a test fails without a mutant: then none proves anything.
   */
  async requireSound(suspects: readonly Mutant[]): Promise<void> {
    const named = [...new Set(suspects.flatMap(({ tests }) => tests))];
    const failure = await this.#firstFailure(this.#asksAll ? [] : named);
    if (failure !== null) throw new Error(`Without a mutant, this test fails: ${failure}`);
  }

  /** Asks the tests that should know first, then all. */
  async judge(mutant: Mutant): Promise<Verdict> {
    const file = join(this.#path, mutant.file);
    const source = await readFile(file, 'utf8');
    const began = performance.now();
    await writeFile(file, applyMutant(source, mutant));
    try {
      const caughtBy =
        (await this.#firstFailure(mutant.tests)) ?? (this.#asksAll ? await this.#firstFailure([]) : null);
      return { mutant, caughtBy, seconds: (performance.now() - began) / 1_000 };
    } finally {
      await writeFile(file, source);
    }
  }

  async remove(): Promise<void> {
    await rm(this.#path, { recursive: true });
  }

  /** @param tests - Paths; none: all there are. */
  async #firstFailure(tests: readonly string[]): Promise<string | null> {
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const report = join(this.#path, 'report.json');
    await rm(report, { force: true });
    const options = ['run', '--bail=1', '--passWithNoTests', '--reporter=json', `--outputFile=${report}`];
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      const child = spawn(process.execPath, [vitest, ...options, ...tests], {
        cwd: this.#path,
        stdio: 'ignore',
        // A mutant may hang: that is noticed too.
        timeout: tests.length === 0 ? longestSuiteMs : longestRunMs,
        killSignal: 'SIGKILL'
      });
      child.on('error', reject).on('exit', resolve);
    });
    if (exitCode === 0) return null;
    return titleOfFailure(await readFile(report, 'utf8').catch(() => null));
  }
}

/** Of the tests that a mutant names. */
const longestRunMs = 240_000;
/** Of all tests, on two cores that others use too. */
const longestSuiteMs = 30 * 60_000;

interface Report {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

function titleOfFailure(report: string | null): string {
  if (report === null) return 'the tests did not come to an end';
  const files = (JSON.parse(report) as Report).testResults;
  const failed = files
    .flatMap(({ assertionResults }) => assertionResults)
    .find(({ status }) => status === 'failed');
  return (
    failed?.fullName ??
    files.find(({ message }) => message !== '')?.message.split('\n')[0] ??
    'a test file failed'
  );
}
