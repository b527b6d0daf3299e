import { once } from 'node:events';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { FleetManager, memoryStore, type Store } from 'xstate-fleet';
import { bullmqExecutor } from 'xstate-fleet/bullmq';
import { postgresStore } from 'xstate-fleet/postgres';
import { sqliteStore } from 'xstate-fleet/sqlite';
import type { FleetRun } from '../fleetProcess.ts';
import * as handlers from './handlers.ts';

/** A fleet that does a batch each time that it is told to, and says what went over its sockets. */
const { name, kind, folder, postgres, redis, workers, prefetch, tasks, data } = JSON.parse(
  process.argv[2]!
) as FleetRun;

const sockets = new Set<Socket>();
// Clients of servers offer no count of their bytes.
Socket.prototype.connect = new Proxy(Reflect.get(Socket.prototype, 'connect'), {
  apply(connect, socket: Socket, args) {
    sockets.add(socket);
    return Reflect.apply(connect, socket, args) as Socket;
  }
});

await using fleet = new FleetManager({
  name,
  store: storeOf(),
  ...(kind.isRemote
    ? { executor: bullmqExecutor({ url: redis, fleet: name, prefetch }) }
    : { handlers, config: { maxConcurrentWorkers: workers } })
});
await fleet.start();
while (kind.isRemote && (await fleet.getWorkers({ status: 'idle' })).length < workers) await wait(50);
await run('warm', Math.ceil(tasks / 10));
tell();
for (const order of ['run', 'remove'] as const) {
  await once(process, 'message');
  if (order === 'run') await run('measured', tasks);
  else await fleet.removeBatch('measured');
  tell();
}
await once(process, 'message');
process.disconnect?.();

function storeOf(): Store {
  switch (kind.ledger) {
    case 'memory':
      return memoryStore();
    case 'SQLite':
      return sqliteStore(join(folder, `${name}.db`), { durability: 'full' });
    case 'PostgreSQL':
      return postgresStore(postgres);
  }
}

async function run(batchId: string, count: number): Promise<void> {
  const batch = Array.from({ length: count }, (_, index) => ({
    id: String(index),
    type: 'echo' as const,
    data
  }));
  await fleet.submitBatch(batch, { batchId });
  const { completedTasks } = await fleet.waitForBatch(batchId);
  if (completedTasks !== count) throw new Error(`${completedTasks} of ${count} tasks were completed`);
}

function tell(): void {
  process.send?.([...sockets].reduce((sum, socket) => sum + socket.bytesRead + socket.bytesWritten, 0));
}
