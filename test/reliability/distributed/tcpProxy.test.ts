import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SeededRandom } from '../../../src/testing/seededRandom.ts';
import { drawClogging, drawFlapping, play } from '../../../reliability/distributed/linkSchedule.ts';
import { TcpProxy } from '../../../reliability/distributed/tcpProxy.ts';

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  while (cleanups.length > 0) await cleanups.pop()!();
});

describe('a link', () => {
  it('passes what is sent and how it ends, both ways', async () => {
    const { link, echo } = await linked();
    const client = await opened(link);
    client.end('all of it');
    expect(await text(client)).toBe('all of it');
    expect(echo.received()).toBe('all of it');
  });

  it('passes more than a window, unchanged, while it is slow', async () => {
    const { link } = await linked();
    link.delay(5);
    link.throttle(20_000_000);
    const client = await opened(link);
    const sent = Array.from({ length: 300_000 }, (_, n) => String(n)).join();
    client.end(sent);
    expect((await text(client)) === sent).toBe(true);
  });

  it('swallows one way only, tells nobody, and resets what has a gap when it heals', async () => {
    const { link, echo } = await linked();
    const client = await opened(link);
    link.drop('toClient');
    client.write('question');
    await echo.until('question');
    await vi.waitUntil(() => link.hasLost);
    expect([client.bytesRead, client.destroyed, link.connections]).toEqual([0, false, 1]);

    const [error] = await Promise.all([errorOf(client), link.heal()]);
    expect(error).toMatchObject({ code: 'ECONNRESET' });
    expect(await answerTo('again', await opened(link))).toBe('again');
  });

  it('swallows the other way, so that the server hears nothing', async () => {
    const { link, echo } = await linked();
    const client = await opened(link);
    link.drop('toServer');
    client.write('unheard');
    await vi.waitUntil(() => link.hasLost);
    const [error] = await Promise.all([errorOf(client), link.heal()]);
    expect(error).toMatchObject({ code: 'ECONNRESET' });
    expect(await answerTo('heard', await opened(link))).toBe('heard');
    expect(echo.received()).toBe('heard');
  });

  it('holds what is sent, and delivers it in order when it heals', async () => {
    const { link, echo } = await linked();
    const client = await opened(link);
    link.hold('toServer');
    client.write('one,');
    client.write('two');
    await roundTripBeside();
    expect(echo.received()).toBe('');
    await link.heal();
    await echo.until('one,two');
  });

  it('cuts with a reset, and takes the next connection', async () => {
    const { link } = await linked();
    const client = await opened(link);
    expect(await answerTo('first', client)).toBe('first');
    const error = errorOf(client);
    link.cut();
    expect(await error).toMatchObject({ code: 'ECONNRESET' });
    expect(link.connections).toBe(0);
    expect(await answerTo('second', await opened(link))).toBe('second');
  });

  it('refuses new connections, keeps old ones, and has the same port when it heals', async () => {
    const { link } = await linked();
    const client = await opened(link);
    const { port } = link;
    link.refuse();
    await expect(opened(link)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(await answerTo('still here', client)).toBe('still here');
    await link.heal();
    expect(link.port).toBe(port);
    expect(await answerTo('new', await opened(link))).toBe('new');
  });

  it('resets a connection whose server is not there', async () => {
    const { link, echo } = await linked();
    await echo.close();
    expect(await errorOf(await opened(link))).toMatchObject({ code: 'ECONNRESET' });
  });

  it.each([
    ['flaps', drawFlapping],
    ['clogs', drawClogging]
  ])('%s as its seed says, and is whole in the end', async (_, draw) => {
    const steps = draw(new SeededRandom(7), 6);
    expect(draw(new SeededRandom(7), 6)).toEqual(steps);
    expect(draw(new SeededRandom(8), 6)).not.toEqual(steps);
    expect(steps.at(-1)?.does).toBe('heal');

    const { link } = await linked();
    await play(
      link,
      steps.map((step) => ({ ...step, forMs: 1 }))
    );
    expect(await answerTo('whole', await opened(link))).toBe('whole');
  });
});

/** A server that says what it hears, behind a link. */
async function linked() {
  let received = '';
  let heard = (): void => {};
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString();
      heard();
    });
    socket.pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };
  cleanups.push(close);
  const link = await TcpProxy.to((server.address() as AddressInfo).port);
  cleanups.push(() => link[Symbol.asyncDispose]());
  const until = (expected: string): Promise<void> =>
    new Promise((resolve) => {
      heard = () => {
        if (received === expected) resolve();
      };
      heard();
    });
  return { link, echo: { received: () => received, until, close } };
}

async function opened({ port }: { readonly port: number }): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  cleanups.push(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** Time enough for what was sent before it, on a link that holds nothing. */
async function roundTripBeside(): Promise<void> {
  const { link } = await linked();
  await answerTo('beside', await opened(link));
}

async function answerTo(question: string, client: Socket): Promise<string> {
  client.write(question);
  const [answer] = (await once(client, 'data')) as [Buffer];
  return answer.toString();
}

async function errorOf(client: Socket): Promise<unknown> {
  const [error] = (await once(client, 'error')) as [unknown];
  return error;
}
