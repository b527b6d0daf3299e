// A process that serves a page with as few file descriptors as its shell allows, until its input ends.
import { Access } from '../../src/dashboard/access.ts';
import { EventStreams } from '../../src/dashboard/eventStreams.ts';
import type { Frame } from '../../src/dashboard/frame.ts';
import { startPageServer } from '../../src/dashboard/pageServer.ts';
import { resolveServeOptions } from '../../src/dashboard/serveOptions.ts';
import { FleetManager, systemClock } from '../../src/index.ts';

const options = resolveServeOptions({});
const onError = (error: unknown): void => void process.stderr.write(`${String(error)}\n`);
const server = await startPageServer({
  clock: systemClock,
  fleet: new FleetManager({ handlers: {} }),
  assets: { html: 'page', script: '', style: '' },
  access: new Access(options.token, systemClock),
  streams: new EventStreams({
    clock: systemClock,
    readFrame: () => ({ turn: 1 }) as Frame,
    onChange: () => ({ [Symbol.dispose]: () => {} }),
    onError
  }),
  options,
  onError
});
process.stdout.write(`${server.port}\n`);
process.stdin.on('end', () => process.exit(0)).resume();
