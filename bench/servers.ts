import { startPostgres } from '../test/servers/postgres.ts';
import { startRedis } from '../test/servers/redis.ts';
import type { Server } from '../test/servers/serverProcess.ts';
import type { ServerName } from './case.ts';

const start: Readonly<Record<ServerName, () => Promise<Server>>> = {
  Redis: startRedis,
  PostgreSQL: startPostgres
};

/** The servers that cases ask for: each is started when it is asked for first, and all are ended together. */
export class Servers implements AsyncDisposable {
  readonly #started = new Map<ServerName, Promise<Server>>();

  /**
   * @returns Where it listens.
   * @throws {ServerUnavailableError} when it cannot be had on this machine.
   */
  async urlOf(name: ServerName): Promise<string> {
    let server = this.#started.get(name);
    if (server === undefined) {
      server = start[name]();
      this.#started.set(name, server);
    }
    return (await server).url;
  }

  async versions(): Promise<ReadonlyMap<ServerName, string>> {
    return new Map(await this.#running());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.#started.values()].map(async (server) => (await server).stop()));
  }

  async #running(): Promise<readonly (readonly [ServerName, string])[]> {
    const all = await Promise.allSettled(
      [...this.#started].map(async ([name, server]) => [name, (await server).version] as const)
    );
    return all.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  }
}
