import { setTimeout as sleep } from 'node:timers/promises';
import type { Json } from '../../../machines/task.ts';
import { NotFoundError } from '../../../src/errors.ts';
import type { FleetManager } from '../../../src/fleetManager.ts';
import { isAnswer, type Call, type Lane } from '../calls.ts';
import { scheduledTask, scheduleMs, tasksOf, type Kind, type Load } from '../kinds.ts';
import type { Log } from '../log.ts';
import type { Begun } from './begun.ts';

/** How long a pause lasts, so that something could begin in it, ms. */
const pauseMs = 40;

/** Makes the calls of a caller, one after the other, until one is not answered because the fleet stopped. */
export async function performLane(lane: Lane, fleet: FleetManager, begun: Begun, log: Log): Promise<void> {
  for (const call of lane) {
    try {
      await prepare(call, fleet, begun, log);
      log.write({ type: 'asked', call });
      const value = await perform(call, fleet);
      log.write({ type: 'acknowledged', callId: call.id, value });
    } catch (error) {
      const { code = '', message } = error as { code?: string; message: string };
      log.write({ type: 'refused', callId: call.id, code, message });
      if (!isAnswer(call, code)) return;
    }
  }
}

/** What a caller waits for or looks at before the call. */
async function prepare(call: Call, fleet: FleetManager, begun: Begun, log: Log): Promise<void> {
  switch (call.type) {
    case 'resume':
    case 'resumeBatch':
      return sleep(pauseMs, undefined, { ref: false });
    case 'cancelBatch':
      if (call.whenBegun === undefined) return;
      // It does not begin again when an earlier call, which nobody could answer, has cancelled it.
      await Promise.race([begun.of(call.whenBegun), fleet.waitForBatch(call.batchId)]);
      return;
    case 'retryBatch':
      await fleet.waitForBatch(call.batchId);
      return;
    case 'removeBatch':
      return inspect(call.batchId, fleet, log);
    default:
  }
}

async function inspect(batchId: string, fleet: FleetManager, log: Log): Promise<void> {
  try {
    await fleet.waitForBatch(batchId);
    const results = await fleet.getBatchResults(batchId);
    const removed = results.map(({ key, success, duration }) => ({ key, success, duration }));
    log.write({ type: 'removing', batchId, results: removed });
  } catch (error) {
    // Removed by a call that could not be answered.
    if (!(error instanceof NotFoundError)) throw error;
  }
}

async function perform(call: Call, fleet: FleetManager): Promise<Json> {
  switch (call.type) {
    case 'submitArray':
      return fleet.submitBatch(tasksOf(call.load), { batchId: call.batchId });
    case 'submitStream':
      return fleet.submitBatch(streamOf(call.load), { batchId: call.batchId });
    case 'submitTask':
      return submitTask(fleet, call.key, call.kind);
    case 'submitOnce':
      return submitTask(fleet, call.key, call.kind, call.idempotencyKey);
    case 'schedule':
      return fleet.schedule(call.scheduleId, { everyMs: scheduleMs }, scheduledTask, { catchUp: 'all' });
    case 'cancelTask':
      return fleet.cancelTask(call.key);
    case 'cancelBatch':
      return fleet.cancelBatch(call.batchId);
    case 'retryBatch':
      return fleet.retryBatch(call.batchId, { batchId: call.newBatchId });
    case 'removeBatch':
      return silent(fleet.removeBatch(call.batchId));
    case 'pauseBatch':
      return silent(fleet.pauseBatch(call.batchId));
    case 'resumeBatch':
      return silent(fleet.resumeBatch(call.batchId));
    case 'pause':
      return silent(fleet.pause());
    case 'resume':
      return silent(fleet.resume());
    case 'scaleWorkers':
      return silent(fleet.scaleWorkers(call.count));
  }
}

async function* streamOf(load: Load): AsyncGenerator<ReturnType<typeof tasksOf>[number]> {
  for (const task of tasksOf(load)) yield task;
}

async function submitTask(
  fleet: FleetManager,
  key: string,
  kind: Kind,
  idempotencyKey?: string
): Promise<string> {
  const [{ data, maxRetries, timeoutMs }] = tasksOf({ kinds: [kind], count: 1 }) as [
    ReturnType<typeof tasksOf>[number]
  ];
  const view = await fleet.submitAsync(kind, data, {
    id: key,
    ...(idempotencyKey !== undefined && { idempotencyKey }),
    ...(maxRetries !== undefined && { maxRetries }),
    ...(timeoutMs !== undefined && { timeoutMs })
  });
  return view.key;
}

async function silent(answer: Promise<void>): Promise<null> {
  await answer;
  return null;
}
