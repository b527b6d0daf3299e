// A worker of a fleet in a process of its own: options of `bullmqWorker` as JSON, as its only argument.
import { bullmqWorker, type RemoteWorkerOptions } from '../../../src/executors/bullmq.ts';
import type { Handlers } from '../../../src/handlers/handler.ts';
import * as handlers from '../handlers.ts';
import * as remoteHandlers from './handlers.ts';

const options = JSON.parse(process.argv[2]!) as Omit<RemoteWorkerOptions, 'handlers'> & {
  readonly types?: string[];
};
const { types, ...rest } = options;
const all: Handlers = { ...handlers, ...remoteHandlers };
const own = types === undefined ? all : Object.fromEntries(types.map((type) => [type, all[type]!]));
const worker = bullmqWorker({ ...rest, handlers: own });
worker.subscribe((event) => {
  if (event.type === 'error') process.stderr.write(`${event.error.message}\n`);
  else process.stdout.write(`${event.type} ${event.workerId}\n`);
});
process.on('SIGTERM', () => void worker.drain().then(() => process.exit(0)));
await worker.start();
