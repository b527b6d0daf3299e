// A process that serves a page with 40 file descriptors for its connections, until its input ends.
import { closeSync, openSync } from 'node:fs';
import { Access } from '../../src/dashboard/access.ts';
import { EventStreams } from '../../src/dashboard/eventStreams.ts';
import type { Frame } from '../../src/dashboard/frame.ts';
import { startPageServer } from '../../src/dashboard/pageServer.ts';
import { resolveServeOptions } from '../../src/dashboard/serveOptions.ts';
import { healthOf } from '../../src/fleet/fleetHealth.ts';
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
  health: () => healthOf('default', null),
  metrics: null,
  options,
  onError
});
keepDescriptors(40);
process.stdout.write(`${server.port}\n`);
process.stdin.on('end', () => process.exit(0)).resume();

/** Takes all but so many. Not before now: loading the sources takes many, more on a busy machine. */
function keepDescriptors(count: number): void {
  const taken: number[] = [];
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch {
    for (const descriptor of taken.slice(0, count)) closeSync(descriptor);
  }
}
