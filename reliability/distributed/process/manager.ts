import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { FleetError, LockedError } from '../../../src/errors.ts';
import { processes } from '../../../src/executors/processes.ts';
import { FleetManager } from '../../../src/fleetManager.ts';
import type { Store } from '../../../src/store.ts';
import { sqliteStore } from '../../../src/stores/sqlite.ts';
import { fleetName, type ManagerPlan, type PlantedBug } from '../plans.ts';
import type { Kind } from '../workload.ts';
import type { Witness } from '../witness.ts';
import { plantedExecutor } from './plantedBugs.ts';

/** As it is compiled: processes of the harness never run from the sources. */
const handlers = new URL('handlers.js', import.meta.url);

/** How often one that stands by looks whether the fleet is free, ms. */
const standbyMs = 50;

/** Owns the fleet as soon as it is free, and takes what clients submit. */
export async function runManager(plan: ManagerPlan, witness: Witness, onStarted: () => void): Promise<void> {
  process.env['WITNESS_FOLDER'] = plan.witnessFolder;
  const store = sqliteStore(plan.storePath, { durability: 'process' });
  const fleet = await owned(plan, store, witness);
  await listening(front(fleet, plan.planted), plan.frontPort);
  onStarted();
}

async function owned(plan: ManagerPlan, store: Store, witness: Witness): Promise<FleetManager> {
  for (;;) {
    const fleet = fleetOf(plan, store, witness);
    try {
      await fleet.start();
      return fleet;
    } catch (error) {
      if (!(error instanceof LockedError)) throw error;
      await sleep(standbyMs);
    }
  }
}

function fleetOf({ maxRecoveries, planted }: ManagerPlan, store: Store, witness: Witness): FleetManager {
  const fleet = new FleetManager({
    name: fleetName,
    store,
    executor: plantedExecutor(processes({ module: handlers }), planted),
    config: {
      maxConcurrentWorkers: 3,
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

/** What an application has in front of its fleet: it answers when a batch is durable. */
function front(fleet: FleetManager, planted: PlantedBug | null): Server {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      const { id, kinds } = JSON.parse(await text(request)) as { id: string; kinds: readonly Kind[] };
      const tasks = kinds.map((type, n) => ({ id: String(n + 1), type, data: { n } }));
      if (planted !== 'dropped batch') await fleet.submitBatch(tasks, { batchId: id });
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
      await sleep(standbyMs);
    }
  }
}
