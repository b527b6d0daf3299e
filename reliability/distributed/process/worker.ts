import { bullmqWorker } from '../../../src/executors/bullmq.ts';
import type { Handlers } from '../../../src/handlers/handler.ts';
import { heartbeatsUntilGone } from '../../../src/executors/bullmq/protocol.ts';
import { silenceMs, type WorkerPlan } from '../plans.ts';
import type { Witness } from '../witness.ts';

/** Serves the fleet until SIGTERM, and then ends what it runs. */
export async function runWorker(plan: WorkerPlan, witness: Witness, onJoined: () => void): Promise<void> {
  const { engine, sessions, concurrency, isComplete } = plan;
  const { url, fleet } = engine;
  const { rare, ...ordinary } = (await import('./handlers.ts')).handlers as Handlers & { rare: never };
  witness.tell({ type: 'offers', slots: sessions * concurrency });
  const workers = Array.from({ length: sessions }, () =>
    bullmqWorker({
      url,
      fleet,
      concurrency,
      handlers: isComplete ? { ...ordinary, rare } : ordinary,
      heartbeatMs: silenceMs / heartbeatsUntilGone,
      lockDurationMs: 2_500,
      connectTimeoutMs: 60_000
    })
  );
  process.once('SIGTERM', () => {
    void Promise.all(workers.map((worker) => worker.drain())).then(() => process.exit());
  });
  await Promise.all(workers.map((worker) => worker.start()));
  onJoined();
}
