import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'bullmq';
import { FleetKeys } from '../../../src/executors/bullmq/fleetKeys.ts';
import { protocolVersion } from '../../../src/executors/bullmq/protocol.ts';
import { connect } from '../../../src/executors/bullmq/redis.ts';
import { Registry } from '../../../src/executors/bullmq/registry.ts';
import { resolveAddress } from '../../../src/executors/bullmq/addressOptions.ts';
import type { StrangerPlan } from '../plans.ts';
import type { Witness } from '../witness.ts';

const heartbeatMs = 100;

/** Says that it speaks the next version of the protocol, and takes whatever comes all the same: that would be a bug. */
export async function runStranger({ engine }: StrangerPlan, witness: Witness): Promise<never> {
  const { address, prefix, fleet } = resolveAddress('plan.engine', { url: engine.url, fleet: engine.fleet });
  const keys = new FleetKeys(prefix, fleet);
  const redis = connect(address, { maxRetriesPerRequest: null });
  const workerId = `stranger.${process.pid}`;
  const misled = async (): Promise<null> => {
    witness.tell({ type: 'misled' });
    return null;
  };
  new Worker(workerId, misled, { connection: redis, prefix: keys.queuePrefix }).on('error', () => {});
  const registry = new Registry(redis, keys);
  for (;;) {
    // Entered, not renewed: whoever crosses it out sees it again.
    await registry.enter({
      workerId,
      protocol: protocolVersion + 1,
      state: 'ready',
      concurrency: 10,
      heartbeatMs,
      pid: process.pid,
      host: 'elsewhere',
      tags: [],
      types: ['quick', 'slow', 'flaky', 'rare']
    });
    await sleep(heartbeatMs);
  }
}
