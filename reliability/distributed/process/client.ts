import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { sqliteReader } from '../../../src/stores/sqlite.ts';
import { fleetName, type ClientPlan } from '../plans.ts';
import type { BatchPlan } from '../workload.ts';
import type { Witness } from '../witness.ts';

/** How long a client waits for an answer before it asks again, ms. */
const answerMs = 400;

/** Submits each batch until it is told that it is durable, and cancels some from here. */
export async function runClient(plan: ClientPlan, witness: Witness): Promise<void> {
  await Promise.all(plan.batches.map((batch) => submit(batch, plan, witness)));
  const cancelled = plan.batches.filter(({ isCancelled }) => isCancelled);
  if (cancelled.length > 0) await cancel(cancelled, plan.storePath);
}

async function submit(batch: BatchPlan, plan: ClientPlan, witness: Witness): Promise<void> {
  const { id: batchId, kinds } = batch;
  witness.tell({ type: 'asked', batchId, tasks: kinds.length });
  const ask = () => askUntilAnswered(batch, plan.frontPort);
  // Of who asks twice, each is told that it is there.
  await (plan.isRepeated ? Promise.all([ask(), ask(), ask()]) : ask());
  witness.tell({ type: 'acknowledged', batchId, tasks: kinds.length });
  // A message that was under way for long.
  if (plan.isRepeated) await ask();
}

async function askUntilAnswered(batch: BatchPlan, port: number): Promise<void> {
  const body = JSON.stringify({ id: batch.id, kinds: batch.kinds });
  for (;;) {
    try {
      const signal = AbortSignal.timeout(answerMs);
      const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body, signal });
      await response.arrayBuffer();
      if (response.status === 201) return;
    } catch {
      // Not known whether it was taken: it is asked again, under its id.
    }
    await sleep(randomInt(10, 80));
  }
}

/** Leaves commands in the store: whoever owns the fleet, now or later, obeys them. */
async function cancel(batches: readonly BatchPlan[], storePath: string): Promise<void> {
  const reader = sqliteReader(storePath);
  for (const { id: batchId } of batches) {
    const command = { type: 'batch.cancel', batchId } as const;
    await reader.sendCommand(fleetName, { id: randomUUID(), command, sentAt: Date.now() });
  }
  await reader.close();
}
