import { expect, it } from 'vitest';
import { WorkerHealth } from '../../src/agents/workerHealth.ts';
import { inProcess } from '../../src/executors/inProcess.ts';
import { ActiveClock } from '../../src/journal/activeClock.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { SimulatedClock } from '../harness.ts';

const ready = {
  type: 'worker.ready',
  slot: 'worker-1',
  workerId: 'worker-1',
  concurrency: 1,
  prefetch: 0,
  tasksPerWorker: null,
  tags: [],
  types: null,
  spawnedAt: 0,
  problem: null
} as const;

it('a worker’s place tells when a heartbeat was last heard, in epoch ms', () => {
  const clock = new SimulatedClock();
  const ledger = new Ledger();
  const health = new WorkerHealth({
    executor: Object.assign(inProcess({}), { probe: () => {} }),
    ledger,
    clock,
    active: new ActiveClock(clock),
    tell: () => {},
    collect: () => {}
  });
  ledger.roster.record(ready);
  health.record(ready);
  health.look({ heartbeatMs: 100, heartbeatTimeoutMs: 1_000 });
  const place = ledger.roster.get('worker-1')!;
  expect(place).toMatchObject({ lastHeartbeatAt: null, askedAt: clock.monotonic() });

  clock.jump(5_000);
  health.heard('worker-1');
  health.heard('nobody');

  expect(place).toMatchObject({ lastHeartbeatAt: clock.now(), askedAt: null });
});
