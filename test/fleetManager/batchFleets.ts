import { settled, startFleet } from '../harness.ts';

export interface EchoTask {
  readonly id: string;
  readonly type: 'echo';
  readonly data: number;
}

export interface HeldTask {
  readonly id: string;
  readonly type: 'wait';
  readonly data: unknown;
}

export type HeldFleet = Awaited<ReturnType<typeof heldFleet>>;

export const echo = { handlers: { echo: (data: unknown) => data } };
export const failing = {
  handlers: {
    fail: (_: unknown) => {
      throw new Error('no luck');
    }
  }
};

export function echoFleet() {
  return startFleet({ ...echo });
}

/** Tasks of type `wait` run until the test releases them: the one that is named, or all that run. */
export async function heldFleet(config: Parameters<typeof startFleet>[0]['config'] = {}) {
  const running = new Map<string, (value: unknown) => void>();
  const started = await startFleet({
    handlers: {
      ...echo.handlers,
      ...failing.handlers,
      wait: (_: unknown, { key }) =>
        new Promise((resolve) => {
          running.set(key, resolve);
        })
    },
    config: { maxRetries: 0, ...config }
  });
  return {
    ...started,
    release: async (value: unknown, key?: string) => {
      await settled();
      for (const [held, resolve] of running) {
        if (key !== undefined && key !== held) continue;
        running.delete(held);
        resolve(value);
      }
      await settled();
    }
  };
}

export function echoes(count: number): EchoTask[] {
  return Array.from({ length: count }, (_, index) => ({ id: String(index), type: 'echo', data: index }));
}

export function held(count: number): HeldTask[] {
  return Array.from({ length: count }, (_, index) => ({ id: String(index), type: 'wait', data: index }));
}

export async function* slowly<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) {
    await Promise.resolve();
    yield item;
  }
}

export async function* endless(clock: { advance(ms: number): Promise<void> }): AsyncGenerator<EchoTask> {
  for (let index = 0; ; index++) {
    yield { id: String(index), type: 'echo', data: index };
    await clock.advance(100);
  }
}

export async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}
