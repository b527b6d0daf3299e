import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { compiledFolder } from '../../reliability/compiled.ts';

/** How a command ended. */
export interface Exit {
  /** `null`: a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder of its own for a test, in which the command line is used as from a terminal. */
export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'xstate-fleet-cli-'));

  constructor() {
    onTestFinished(() => rmSync(this.path, { recursive: true, force: true }));
  }

  write(name: string, content: string | Buffer | readonly unknown[]): void {
    const isTasks = Array.isArray(content);
    const text = isTasks ? content.map((task) => `${JSON.stringify(task)}\n`).join('') : content;
    writeFileSync(join(this.path, name), text as string | Buffer);
  }

  read(name: string): string {
    return readFileSync(join(this.path, name), 'utf8');
  }

  /** The lines of a file; none when it is not there. */
  lines(name: string): string[] {
    try {
      return linesOf(this.read(name));
    } catch {
      return [];
    }
  }

  start(args: readonly string[], input?: string): Command {
    const command = new Command(this.path, args, input);
    onTestFinished(() => command.kill('SIGKILL'));
    return command;
  }

  run(args: readonly string[], input?: string): Promise<Exit> {
    return this.start(args, input).exit;
  }
}

/** A command that runs in a process of its own. */
export class Command {
  readonly exit: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #listeners = new Set<() => void>();
  #stdout = '';
  #stderr = '';
  #hasEnded = false;

  constructor(folder: string, args: readonly string[], input: string | undefined) {
    this.#child = spawn(process.execPath, [join(compiledFolder(), 'src/cli.js'), ...args], {
      cwd: folder,
      stdio: ['pipe', 'pipe', 'pipe'],
      // As from a shell, not from npm.
      env: { ...process.env, NODE_OPTIONS: undefined, npm_command: undefined }
    });
    this.#child.stdout!.on('data', (chunk: Buffer) => this.#take(() => (this.#stdout += chunk.toString())));
    this.#child.stderr!.on('data', (chunk: Buffer) => this.#take(() => (this.#stderr += chunk.toString())));
    this.#child.stdin!.on('error', () => {});
    this.#child.stdin!.end(input ?? '');
    this.exit = new Promise((resolve) => {
      this.#child.on('close', (code) => {
        this.#take(() => (this.#hasEnded = true));
        resolve({ code, stdout: this.#stdout, stderr: this.#stderr });
      });
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Nobody reads what it prints any more. */
  closeOutput(): void {
    this.#child.stdout!.destroy();
  }

  /** Resolves when it has printed, to either stream, what matches `count` times, with the last match. */
  async printed(pattern: RegExp, count = 1): Promise<string> {
    const all = new RegExp(pattern, `g${pattern.flags.replace('g', '')}`);
    for (;;) {
      const matches = `${this.#stdout}${this.#stderr}`.match(all) ?? [];
      if (matches.length >= count) return matches.at(-1)!;
      if (this.#hasEnded) throw new Error(`It ended without ${pattern}:\n${this.#stdout}${this.#stderr}`);
      await new Promise<void>((resolve) => this.#listeners.add(resolve));
    }
  }

  #take(change: () => void): void {
    change();
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }
}

/** Lines of JSON Lines text, parsed. */
export function jsonLines<T>(text: string): T[] {
  return linesOf(text).map((line) => JSON.parse(line) as T);
}

export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** Tasks `{ data: { n } }` for n from 1 to `count`, one a line, so that n is the id as well. */
export function numberedTasks(count: number): unknown[] {
  return Array.from({ length: count }, (_, index) => ({ data: { n: index + 1 } }));
}
