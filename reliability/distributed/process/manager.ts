import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { FleetError, StoreError } from '../../../src/errors.ts';
import type { Executor } from '../../../src/executor.ts';
import { FleetManager } from '../../../src/fleetManager.ts';
import { managerSlots, fleetName, type ManagerPlan, type FromProcess, type PlantedBug } from '../plans.ts';
import type { Store } from '../../../src/store.ts';
import { tasksOf, type Kind } from '../workload.ts';
import type { Witness } from '../witness.ts';
import { storeOf } from './ledger.ts';
import { plantedExecutor } from './plantedBugs.ts';

/** How often one that waits for a port, or for a server, tries again, ms. */
const againMs = 50;

/** Owns the fleet as soon as it is free, and takes what clients submit. One that is fenced stands by again. */
export async function runManager(
  plan: ManagerPlan,
  witness: Witness,
  say: (said: FromProcess) => void
): Promise<void> {
  const fleet = await started(plan, witness, say);
  if (plan.frontPort !== null) await listening(front(fleet, plan.planted), plan.frontPort);
  say({ type: 'started' });
}

/** A start that finds a server away is refused, and tried again, as any supervisor has it. */
async function started(
  plan: ManagerPlan,
  witness: Witness,
  say: (said: FromProcess) => void
): Promise<FleetManager> {
  for (;;) {
    const store = storeOf(plan.ledger);
    const fleet = await fleetOf(plan, store, witness);
    fleet.on('standby.ended', () => say({ type: 'started' }));
    fleet.on('ownership.lost', () => say({ type: 'fenced' }));
    try {
      await fleet.start();
      return fleet;
    } catch (error) {
      const isAway = error instanceof StoreError || (error as { code?: unknown }).code === 'ERR_UNFIT_SERVER';
      if (!isAway) throw error;
      await store.close().catch(() => undefined);
      await sleep(againMs);
    }
  }
}

async function fleetOf(plan: ManagerPlan, store: Store, witness: Witness): Promise<FleetManager> {
  const { engine, maxRecoveries, planted } = plan;
  const fleet = new FleetManager({
    name: fleetName,
    store,
    executor: plantedExecutor(await executorOf(plan, witness), planted),
    standby: true,
    config: {
      ...(engine.kind !== 'bullmq' && { maxConcurrentWorkers: managerSlots }),
      maxRecoveries,
      heartbeatMs: 150,
      heartbeatTimeoutMs: 600,
      workerTimeout: 10_000,
      cancelGraceMs: 100,
      retry: { baseMs: 20, factor: 2, maxMs: 100, jitter: 'equal' }
    }
  });
  fleet.on('task.settled', ({ key, status, settledSeq }) =>
    witness.tell({ type: 'settled', key, status, settledSeq })
  );
  return fleet;
}

/** Of the executors only the one that is needed is loaded: a cycle has many processes. */
async function executorOf({ engine }: ManagerPlan, witness: Witness): Promise<Executor> {
  switch (engine.kind) {
    case 'bullmq': {
      const { bullmqExecutor } = await import('../../../src/executors/bullmq.ts');
      return bullmqExecutor({ url: engine.url, fleet: engine.fleet, pollMs: 200, connectTimeoutMs: 5_000 });
    }
    case 'processes': {
      const { processes } = await import('../../../src/executors/processes.ts');
      // As it is compiled: processes of the harness never run from the sources.
      return processes({ module: new URL('handlers.js', import.meta.url) });
    }
    case 'in process': {
      witness.tell({ type: 'offers', slots: managerSlots });
      const { inProcess } = await import('../../../src/executors/inProcess.ts');
      return inProcess((await import('./handlers.ts')).handlers);
    }
  }
}

/** What an application has in front of its fleet: it answers when a batch is durable. */
function front(fleet: FleetManager, planted: PlantedBug | null): Server {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      const { id, kinds } = JSON.parse(await text(request)) as { id: string; kinds: readonly Kind[] };
      if (planted !== 'dropped batch') await fleet.submitBatch(tasksOf(kinds), { batchId: id });
      response.writeHead(201).end('{}');
    } catch (error) {
      const code = error instanceof FleetError ? error.code : 'ERR_UNKNOWN';
      response.writeHead(500).end(JSON.stringify({ code, message: String(error) }));
    }
  };
  return createServer((request, response) => void answer(request, response));
}

/** The one that had the port may be about to end. */
async function listening(server: Server, port: number): Promise<void> {
  for (;;) {
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      await sleep(againMs);
    }
  }
}
