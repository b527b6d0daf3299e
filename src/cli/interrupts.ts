const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** `128 + SIGINT`, as shells have it. */
export const interrupted = 130;

/** npm and npx pass a Ctrl-C on to a program that had it from the terminal: so soon, it is the same one. */
const echoMs = 250;

/** What the user asks for by signals: the first one to come to an end, the second one to stop at once. */
export class Interrupts implements Disposable {
  readonly first: Promise<void>;
  readonly second: Promise<void>;
  readonly #resolvers: (() => void)[] = [];
  readonly #lastAt = new Map<NodeJS.Signals, number>();

  constructor() {
    this.first = new Promise((resolve) => this.#resolvers.push(resolve));
    this.second = new Promise((resolve) => this.#resolvers.push(resolve));
    for (const signal of signals) process.on(signal, this.#take);
  }

  readonly #take = (signal: NodeJS.Signals): void => {
    const now = performance.now();
    const isEcho = now - (this.#lastAt.get(signal) ?? -Infinity) < echoMs;
    this.#lastAt.set(signal, now);
    if (isEcho) return;
    const resolve = this.#resolvers.shift();
    if (resolve) resolve();
    else process.exit(interrupted);
  };

  [Symbol.dispose](): void {
    for (const signal of signals) process.off(signal, this.#take);
  }
}
