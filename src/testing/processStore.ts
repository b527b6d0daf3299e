import type { Commit, Store, StoredFleet, TaskRow } from '../store.ts';

/** What becomes of the process that a store is seen by. */
export interface ProcessStoreOptions {
  /** Time stands still until the store has answered. */
  readonly hold: <T>(answer: Promise<T>) => Promise<T>;
  /** Why a call is refused, once the process is dead. */
  readonly deathOf: (call: string) => Error;
  readonly onOpened?: (stored: StoredFleet, scope: string) => StoredFleet;
  /** Called before the store is asked to write. It may kill the process. */
  readonly onCommit?: (commit: Commit) => void;
  /** Called when the store has written. It may kill the process. */
  readonly onCommitted?: (commit: Commit) => void;
}

/**
 * A store as one process has it. Once that is killed, what it asked for is refused, and so is what it asks for: of a
 * commit that was with the store it never hears.
 */
export class ProcessStore {
  readonly store: Store;
  readonly #options: ProcessStoreOptions;
  /** Rejects what is under way, once. */
  readonly #refusals = new Set<() => void>();
  #isAlive = true;

  constructor(inner: Store, options: ProcessStoreOptions) {
    this.#options = options;
    const { onOpened, onCommitted, onCommit } = options;
    const calls: Partial<Store> = {
      open: async (scope, owner) => {
        const opened = await inner.open(scope, owner);
        const stored = { ...opened, tasks: heldPages(opened.tasks, options.hold) };
        return onOpened?.(stored, scope) ?? stored;
      },
      commit: async (commit) => {
        onCommit?.(commit);
        if (!this.#isAlive) return;
        await inner.commit(commit);
        if (this.#isAlive) onCommitted?.(commit);
      }
    };
    this.store = new Proxy(inner, {
      get: (target, property: keyof Store) => {
        const member: unknown = calls[property] ?? Reflect.get(target, property, target);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]): unknown =>
          this.#call(property, () => (member as (...args: unknown[]) => unknown).apply(target, args));
      }
    });
  }

  kill(): void {
    this.#isAlive = false;
    for (const refuse of this.#refusals) refuse();
    this.#refusals.clear();
  }

  #call(name: string, call: () => unknown): unknown {
    const { hold, deathOf } = this.#options;
    if (!this.#isAlive) return Promise.reject(deathOf(name));
    const answer = call();
    if (!(answer instanceof Promise)) return answer;
    return new Promise((resolve, reject) => {
      const refuse = (): void => reject(deathOf(name));
      this.#refusals.add(refuse);
      hold(answer as Promise<unknown>).then(
        (value) => {
          this.#refusals.delete(refuse);
          if (this.#isAlive) resolve(value);
          else refuse();
        },
        (error: unknown) => {
          this.#refusals.delete(refuse);
          reject(this.#isAlive ? (error as Error) : deathOf(name));
        }
      );
    });
  }
}

async function* heldPages(
  pages: StoredFleet['tasks'],
  hold: ProcessStoreOptions['hold']
): AsyncGenerator<readonly TaskRow[], void, undefined> {
  const iterator = pages[Symbol.asyncIterator]();
  for (;;) {
    const next = await hold(iterator.next());
    if (next.done) return;
    yield next.value;
  }
}
