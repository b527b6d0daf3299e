// A worker of the audit, in a process of its own. main.ts starts it; on another machine, where the same tree lies, it would be
// given the URL of the same Redis.
import { parseArgs } from 'node:util';
import { bullmqWorker } from 'xstate-fleet/bullmq';
import { auditPackage } from '../license-audit/audit.ts';

const { values } = parseArgs({
  options: {
    redis: { type: 'string', default: 'redis://127.0.0.1:6379' },
    fleet: { type: 'string', default: '' }
  }
});
const worker = bullmqWorker({
  url: values.redis,
  fleet: values.fleet,
  concurrency: 2,
  handlers: { audit: auditPackage },
  // After six of them without a word it is gone: 3 s in place of the usual 30, so that you can watch it.
  heartbeatMs: 500
});
worker.subscribe((event) => {
  if (event.type === 'joined') process.send?.(event.workerId);
});
process.once('SIGTERM', () => void worker.drain().then(() => process.exit()));
// A Ctrl-C comes to all processes of a terminal; main.ts says when a worker ends, or is gone itself.
process.on('SIGINT', () => {});
process.once('disconnect', () => process.exit());
await worker.start();
