import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const tsconfig = fileURLToPath(new URL('../tsconfig.json', import.meta.url));

/** A process of a measurement, which tells when it is ready and goes on when it is told to. */
export class Child<TMessage> implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #printed = '';

  /** @param script - One of `process/`; it is given `options` as JSON, its only argument. */
  constructor(script: string, options: object) {
    this.#child = fork(
      fileURLToPath(new URL(`process/${script}.ts`, import.meta.url)),
      [JSON.stringify(options)],
      {
        execArgv: ['--import', 'tsx'],
        env: { ...process.env, NODE_ENV: 'production', TSX_TSCONFIG_PATH: tsconfig },
        stdio: ['ignore', 'ignore', 'pipe', 'ipc']
      }
    );
    this.#exited = once(this.#child, 'exit');
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#printed += String(chunk)));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  tell(): void {
    this.#child.send('go');
  }

  /** @throws {Error} when it ends instead, with what it had printed. */
  async told(): Promise<TMessage> {
    const message = (await Promise.race([once(this.#child, 'message'), this.#exited.then(() => null)])) as
      [TMessage] | null;
    if (message === null) throw new Error(`A process ended too early: ${this.#printed.slice(-2_000)}`);
    return message[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}

/** Several of one kind, ended together. */
export class Children<TMessage> implements AsyncDisposable {
  readonly all: readonly Child<TMessage>[];

  constructor(count: number, script: string, options: object) {
    this.all = Array.from({ length: count }, () => new Child<TMessage>(script, options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((child) => child[Symbol.asyncDispose]()));
  }
}
