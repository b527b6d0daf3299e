import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { compiledModule } from '../../reliability/compiled.ts';
import type { LivePage } from '../../src/index.ts';
import { RawConnection, request } from './pages.ts';

describe('a process', () => {
  it('that imports the library has not loaded what serves pages', async () => {
    const library = pathToFileURL(compiledModule(new URL('../../src/index.ts', import.meta.url))).href;
    // What was loaded before is known to the loader: it is there at once, and nothing new is.
    const { output } = await run(process.execPath, [
      '--input-type=module',
      '--eval',
      `import { register } from 'node:module';
       const seen = [];
       const { port1, port2 } = new MessageChannel();
       register('data:text/javascript,' + encodeURIComponent(\`
         let port;
         export const initialize = (data) => { port = data.port; };
         export const load = (url, context, next) => { port.postMessage(url); return next(url, context); };
       \`), { data: { port: port2 }, transferList: [port2] });
       port1.on('message', (url) => seen.push(url));
       await import(${JSON.stringify(library)});
       await new Promise((resolve) => setImmediate(resolve));
       const loaded = (part) => seen.some((url) => url.includes(part));
       console.log(JSON.stringify([loaded('fleetManager'), loaded('hono'), loaded('pageServer')]));
       process.exit(0);`
    ]);
    expect(JSON.parse(output)).toEqual([true, false, false]);
  });

  it('B5: with no file descriptor for one more connection goes on serving', async () => {
    const script = compiledModule(new URL('fewDescriptors.ts', import.meta.url));
    const shell = `ulimit -n 256 && exec "$0" "$1"`;
    const child = spawn('sh', ['-c', shell, process.execPath, script], {
      env: { ...process.env, NODE_OPTIONS: undefined }
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const port = await Promise.race([once(child.stdout, 'data'), failed(child)]);
    const page = { url: `http://127.0.0.1:${Number(port)}/` } as LivePage;

    const connections = Array.from({ length: 200 }, () => new RawConnection(page));
    for (const raw of connections) raw.send('GET / HTTP/1.1', 'host: localhost', '', '');
    // Some are served, the others are sent away.
    await Promise.any(connections.map((raw) => raw.received(/page/)));
    const isSentAway = async (raw: RawConnection): Promise<void> => expect(await raw.rest()).toBe('');
    await Promise.any(connections.map(isSentAway));
    for (const raw of connections) raw.socket.destroy();
    await expect
      .poll(
        () =>
          request(page, '/').then(
            ({ status }) => status,
            () => 0
          ),
        { timeout: 30_000 }
      )
      .toBe(200);
    expect(child.exitCode).toBeNull();
    child.stdin.end();
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});

/** Rejects with what a process has said, when it ends. */
async function failed(child: ChildProcessWithoutNullStreams): Promise<never> {
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await once(child, 'close');
  throw new Error(`It has ended: ${said}`);
}

async function run(command: string, args: readonly string[]): Promise<{ output: string }> {
  const child = spawn(command, args, { env: { ...process.env, NODE_OPTIONS: undefined } });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await once(child, 'close');
  return { output };
}
