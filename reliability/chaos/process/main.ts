import { setImmediate as setSoon } from 'node:timers/promises';
import { writeSync } from 'node:fs';
import { FleetError, TaskCancelledError, TaskFailedError } from '../../../src/errors.ts';
import { FleetManager } from '../../../src/fleetManager.ts';
import { inProcess } from '../../../src/executors/inProcess.ts';
import type { Store } from '../../../src/store.ts';
import { sqliteStore } from '../../../src/stores/sqlite.ts';
import { Log } from '../log.ts';
import { isCutOff } from '../calls.ts';
import { lethalConfig, lethalKey, mainConfig, scopes, type Finish, type Plan } from '../plan.ts';
import { isFiring } from '../oracle/firings.ts';
import { Begun } from './begun.ts';
import { breakProcess, faultyExecutor, faultyStore } from './faultyParts.ts';
import { recordedHandlers } from './handlers.ts';
import { performLane } from './perform.ts';
import { Trap } from './trap.ts';
import { trappedExecutor } from './trappedExecutor.ts';
import { trappedStore } from './trappedStore.ts';

/** Runs a fleet as its plan says, until it is killed, told to stop, or done. It never calls `process.exit`. */
async function run(plan: Plan): Promise<void> {
  const log = new Log(plan.logPath);
  const own = ownResources();
  for (const event of ['unhandledRejection', 'uncaughtException'] as const) {
    process.on(event, (error: unknown) => log.write({ type: 'unhandled', error: String(error) }));
  }
  breakProcess(plan.fault);
  // An idle fleet keeps no process alive; this one waits to be ended.
  const life = setInterval(() => {}, 60_000);
  const begun = new Begun();
  const store = sqliteStore(plan.storePath, { durability: plan.durability });
  const fleet = mainFleet(plan, store, begun, log);
  const stopped = stopWhenTold(plan, fleet, begun);
  await fleet.start();
  const { value, context } = fleet.actor.getSnapshot();
  log.write({ type: 'started', operation: value.operation, workers: context.config.maxConcurrentWorkers });
  // Without a stream of its own, which could outlive the fleet.
  writeSync(1, 'started\n');

  if (value.operation === 'paused' && !plan.lanes.flat().some(({ type }) => type === 'resume')) {
    // A pause took effect whose caller does not come back in this process: no handler would begin, and nothing end.
    await performLane([{ type: 'resume', id: `resumption in ${process.pid}` }], fleet, begun, log);
  }
  const poison = plan.lethal && (await startLethal(plan.lethal, store, begun, log));
  const followed = plan.follow && follow(plan.follow, fleet, log);
  const done = Promise.all(plan.lanes.map((lane) => performLane(lane, fleet, begun, log)));
  if (plan.finish) {
    await done;
    await settleAll(plan.finish, fleet, poison, log);
    await followed;
    await fleet.stop();
  } else await stopped;
  clearInterval(life);
  await poison?.stop();
  await store.close();
  // What is under way in this turn of the event loop keeps nothing alive.
  await setSoon();
  log.write({ type: 'stopped', resources: resourcesBeyond(own) });
}

function mainFleet(plan: Plan, store: Store, begun: Begun, log: Log): FleetManager {
  const trap = new Trap(plan.trap, log);
  let isStopping = false;
  process.once('SIGTERM', () => (isStopping = true));
  const handlers = recordedHandlers(log, trap, begun);
  const fleet = new FleetManager({
    name: scopes.main,
    store: trappedStore(faultyStore(store, plan.fault), trap, () => isStopping),
    executor: trappedExecutor(faultyExecutor(inProcess(handlers), plan.fault), trap),
    config: { ...mainConfig, ...(plan.fault === 'raised limit' && { maxConcurrentWorkers: 8 }) }
  });
  fleet.on('task.settled', ({ key, status, settledSeq }) =>
    log.write({ type: 'settled', key, status, settledSeq })
  );
  fleet.on('task.retrying', ({ key, attempt, retryAt }) =>
    log.write({ type: 'retrying', key, attempt, retryAt })
  );
  return fleet;
}

/** The first SIGTERM drains, the second one stops at once. Resolves when the fleet has stopped. */
function stopWhenTold(
  { drainMs, terminateWhenBegun }: Plan,
  fleet: FleetManager,
  begun: Begun
): Promise<void> {
  if (terminateWhenBegun !== null) {
    void begun.of(terminateWhenBegun).then(() => process.kill(process.pid, 'SIGTERM'));
  }
  return new Promise((resolve, reject) => {
    let isDraining = false;
    process.on('SIGTERM', () => {
      void fleet.stop(isDraining ? { graceful: false } : { timeoutMs: drainMs }).then(resolve, reject);
      isDraining = true;
    });
  });
}

/** A fleet of its own, so that its low budget of recoveries is not that of innocent tasks. */
async function startLethal(
  { way }: NonNullable<Plan['lethal']>,
  store: Store,
  begun: Begun,
  log: Log
): Promise<FleetManager> {
  const fleet = new FleetManager({
    name: scopes.lethal,
    store,
    handlers: recordedHandlers(log, new Trap(null, log), begun),
    config: lethalConfig
  });
  await fleet.start();
  await fleet.submitAsync('lethal', { kind: 'lethal', n: 1, wayToDie: way }, { id: lethalKey });
  return fleet;
}

async function follow(
  { batchId, afterSettledSeq }: NonNullable<Plan['follow']>,
  fleet: FleetManager,
  log: Log
) {
  try {
    for await (const { key, settledSeq } of fleet.streamBatchResults(batchId, { afterSettledSeq })) {
      log.write({ type: 'followed', key, settledSeq });
    }
  } catch (error) {
    // The next process follows on.
    if (error instanceof FleetError && isCutOff(error.code)) return;
    log.write({ type: 'unsettled', what: `results of ${batchId}`, error: String(error) });
  }
}

async function settleAll(
  finish: Finish,
  fleet: FleetManager,
  poison: FleetManager | null,
  log: Log
): Promise<void> {
  const { withinMs: timeoutMs } = finish;
  const told = (what: string, wait: Promise<unknown>): Promise<unknown> =>
    wait.catch((error: unknown) => {
      if (error instanceof TaskFailedError || error instanceof TaskCancelledError) return;
      log.write({ type: 'unsettled', what, error: String(error) });
    });
  await Promise.all([
    ...finish.batchIds.map((id) => told(id, fleet.waitForBatch(id, { timeoutMs }))),
    ...finish.keys.map((key) => told(key, fleet.waitFor(key, { timeoutMs }))),
    poison && told(lethalKey, poison.waitFor(lethalKey, { timeoutMs }))
  ]);
  await settleScheduled(fleet, timeoutMs, told);
  const [stats, summary] = await Promise.all([fleet.getStats(), fleet.coordinator.getSummary()]);
  log.write({ type: 'finished', stats, summary });
}

/** No schedule fires any more, and what they submitted settles. */
async function settleScheduled(
  fleet: FleetManager,
  timeoutMs: number,
  told: (what: string, wait: Promise<unknown>) => Promise<unknown>
): Promise<void> {
  for (const { id } of await fleet.listSchedules()) await fleet.pauseSchedule(id);
  for (let after = 0; ;) {
    const page = await fleet.listTasks({ after, limit: 1_000 });
    const scheduled = page.filter(({ key }) => isFiring(key));
    await Promise.all(scheduled.map(({ key }) => told(key, fleet.waitFor(key, { timeoutMs }))));
    if (page.length < 1_000) return;
    after = page.at(-1)!.seq;
  }
}

/** The streams of the process itself: its threads open them, and they keep nothing alive. */
function ownResources(): readonly string[] {
  void process.stdout;
  void process.stderr;
  return process.getActiveResourcesInfo().filter((name) => name.endsWith('Wrap'));
}

/** What would keep the process alive, besides its own. */
function resourcesBeyond(own: readonly string[]): string[] {
  const left = process.getActiveResourcesInfo();
  for (const name of own) {
    const index = left.indexOf(name);
    if (index !== -1) left.splice(index, 1);
  }
  return left;
}

await run(JSON.parse(process.argv[2]!) as Plan);
