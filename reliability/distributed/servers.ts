import { startPostgres } from '../../test/servers/postgres.ts';
import { startRedis } from '../../test/servers/redis.ts';
import type { Server } from '../../test/servers/serverProcess.ts';
import type { Need, ServerName } from './world.ts';

const starts: Readonly<Record<ServerName, () => Promise<Server>>> = {
  Redis: startRedis,
  PostgreSQL: startPostgres
};

/** Servers for cycles that run one after the other: started when they are first needed, and there until the last one ends. */
export class Servers implements AsyncDisposable {
  readonly #started = new Map<ServerName, Promise<Server>>();

  /** Those of the needs that are servers. @throws {ServerUnavailableError} */
  async of(needs: ReadonlySet<Need>): Promise<ReadonlyMap<ServerName, Server>> {
    const names = (Object.keys(starts) as ServerName[]).filter((name) => needs.has(name));
    return new Map(await Promise.all(names.map(async (name) => [name, await this.#start(name)] as const)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const started = await Promise.allSettled(this.#started.values());
    await Promise.all(
      started.map(async (one) => (one.status === 'fulfilled' ? one.value.stop() : undefined))
    );
  }

  #start(name: ServerName): Promise<Server> {
    const server = this.#started.get(name) ?? starts[name]();
    this.#started.set(name, server);
    return server;
  }
}
