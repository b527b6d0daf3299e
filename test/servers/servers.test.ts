import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { findProgram, ServerUnavailableError } from './program.ts';
import { startPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';
import type { Server } from './serverProcess.ts';

const servers: readonly (readonly [string, () => Promise<Server>])[] = [
  ['Redis', () => startRedis({ mayFetch: false })],
  ['PostgreSQL', () => startPostgres({ mayFetch: false })]
];

describe('a server for tests', () => {
  it.for(servers)('%s listens on the loopback address until it is stopped', async ([, start], { skip }) => {
    let server: Server;
    try {
      server = await start();
    } catch (error) {
      if (!(error instanceof ServerUnavailableError)) throw error;
      console.log(`skipped: ${error.message}`);
      return skip(error.message);
    }
    expect(server.version).toMatch(/^\d+\.\d+/);
    expect(await isListening(server.url)).toBe(true);
    await server.stop();
    await server.stop();
    expect(await isListening(server.url)).toBe(false);
  });

  it('is told to be missing where it is neither installed nor unpacked', async () => {
    const missing = findProgram('no-such-server', { debianPackage: 'no-such-package', mayFetch: false });
    await expect(missing).rejects.toThrow(
      'no-such-server cannot be had: it is not installed, nor unpacked in the cache'
    );
  });

  it('is a program of PATH, or of the folders that are named', async () => {
    const { path, env } = await findProgram('node', { debianPackage: 'nodejs', mayFetch: false });
    expect([existsSync(path), env]).toEqual([true, {}]);
  });
});

async function isListening(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
