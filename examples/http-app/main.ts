import { serve } from '@hono/node-server';
import { mkdir } from 'node:fs/promises';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { FleetManager } from 'xstate-fleet';
import { sqliteStore } from 'xstate-fleet/sqlite';
import { agent, createApp } from './app.ts';

const { STORE: store = '.fleet/http-app.db', PORT: port = '3000' } = process.env;

await mkdir('.fleet', { recursive: true });
const fleet = new FleetManager({
  name: 'http-app',
  store: sqliteStore(store),
  handlers: { agent },
  config: { maxConcurrentWorkers: 4, maxQueueSize: 10_000, onQueueFull: 'reject' }
});
await fleet.start();

const server = serve({ fetch: createApp(fleet).fetch, hostname: '127.0.0.1', port: Number(port) });
if (!server.listening) await once(server, 'listening');
console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);

process.once('SIGTERM', () => void shutDown());
process.once('SIGINT', () => void shutDown());

/** Takes no request any more, lets what runs finish, and keeps what waits for the next start. */
async function shutDown(): Promise<void> {
  console.log('Shutting down');
  const closed = once(server, 'close');
  server.close();
  await fleet.stop({ timeoutMs: 10_000 });
  await closed;
  console.log('Stopped');
}
