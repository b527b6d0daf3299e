import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { fakeTime } from './fakeTime.ts';
import { findProgram, ServerUnavailableError } from './program.ts';
import { startPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';
import type { Server } from './serverProcess.ts';

interface Kind {
  readonly name: string;
  readonly start: () => Promise<Server>;
  /** Keeps a word, durably. */
  readonly keep: (url: string, word: string) => Promise<string>;
  /** @returns An answer with the words that were kept. */
  readonly read: (url: string) => Promise<string>;
}

const kinds: readonly Kind[] = [
  {
    name: 'Redis',
    start: () => startRedis({ mayFetch: false, isSynced: true }),
    keep: (url, word) => converse(url, [`SET kept ${word}\r\n`], '+OK'),
    read: (url) => converse(url, ['GET kept\r\n'], '\r\n')
  },
  {
    name: 'PostgreSQL',
    start: () => startPostgres({ mayFetch: false }),
    keep: (url, word) => query(url, `CREATE TABLE kept AS SELECT '${word}' AS word`),
    read: (url) => query(url, 'SELECT word FROM kept')
  }
];

describe('a server for tests', () => {
  it.for(kinds)('$name listens on the loopback address until it is stopped', async ({ start }, { skip }) => {
    const server = await startOr(skip, start);
    expect(server.version).toMatch(/^\d+\.\d+/);
    expect(await isListening(server.url)).toBe(true);
    await server.stop();
    await server.stop();
    expect(await isListening(server.url)).toBe(false);
  });

  it.for(kinds)(
    '$name is killed, and started again on its port with the same data or with none',
    async ({ start, keep, read }, { skip }) => {
      await using server = await startOr(skip, start);
      await keep(server.url, 'something');
      await server.kill();
      expect(await isListening(server.url)).toBe(false);

      await server.restart();
      expect(await read(server.url)).toContain('something');

      // Not killed before.
      await server.restart({ isEmpty: true });
      expect(await read(server.url)).not.toContain('something');
    }
  );

  it.for(kinds)(
    '$name answers nothing while it is frozen, and then what it was asked',
    async ({ start, keep, read }, { skip }) => {
      await using server = await startOr(skip, start);
      await keep(server.url, 'something');
      server.freeze();
      let isAnswered = false;
      const answer = read(server.url).finally(() => (isAnswered = true));
      // Whoever is not frozen answers long before that.
      await startAndStopProcess();
      expect(isAnswered).toBe(false);
      server.thaw();
      expect(await answer).toContain('something');
    }
  );

  it('is told to be missing where it is neither installed nor unpacked', async () => {
    const missing = findProgram('no-such-server', { debianPackage: 'no-such-package', mayFetch: false });
    await expect(missing).rejects.toThrow(
      'no-such-server cannot be had: it is not installed, nor unpacked in the cache'
    );
  });

  it('is there for a process with another time of day, whose monotonic clock is the machine’s', async ({
    skip
  }) => {
    let env: Readonly<Record<string, string>>;
    try {
      env = await fakeTime('-1d', { mayFetch: false });
    } catch (error) {
      if (!(error instanceof ServerUnavailableError)) throw error;
      return skip(error.message);
    }
    const clocks = 'console.log(JSON.stringify([Date.now(), Number(process.hrtime.bigint() / 1_000_000n)]))';
    const before = [Date.now(), Number(process.hrtime.bigint() / 1_000_000n)] as const;
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', clocks], {
      env: { ...process.env, ...env }
    });
    const [wall, monotonic] = JSON.parse(stdout) as [number, number];
    expect(before[0] - wall).toBeGreaterThan(86_000_000);
    expect(monotonic - before[1]).toBeLessThan(100_000);
  });

  it('is a program of PATH, or of the folders that are named', async () => {
    const { path, env } = await findProgram('node', { debianPackage: 'nodejs', mayFetch: false });
    expect([existsSync(path), env]).toEqual([true, {}]);
  });
});

async function startOr(skip: (note: string) => never, start: () => Promise<Server>): Promise<Server> {
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof ServerUnavailableError)) throw error;
    return skip(error.message);
  }
}

/** Sends messages one by one, each after an answer to the one before that has `end` in it. @returns The last answer. */
async function converse(url: string, messages: readonly (string | Buffer)[], end: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  try {
    for (const message of messages) {
      answer = '';
      socket.write(message);
      while (!answer.includes(end)) {
        const [chunk] = (await once(socket, 'data')) as [Buffer];
        answer += chunk.toString('latin1');
      }
    }
    return answer;
  } finally {
    socket.destroy();
  }
}

/** A simple query in PostgreSQL's own protocol. */
function query(url: string, sql: string): Promise<string> {
  const message = (type: string, body: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(body.length + 4);
    return Buffer.concat([Buffer.from(type), length, body]);
  };
  const version = Buffer.from([0, 3, 0, 0]);
  const parameters = Buffer.from('user\0postgres\0database\0postgres\0\0');
  return converse(
    url,
    [message('', Buffer.concat([version, parameters])), message('Q', Buffer.from(`${sql}\0`))],
    readyForQuery
  );
}

const readyForQuery = 'Z\0\0\0\u0005I';

async function startAndStopProcess(): Promise<void> {
  await promisify(execFile)(process.execPath, ['--version']);
}

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
