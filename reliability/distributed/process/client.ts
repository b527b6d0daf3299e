import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FleetClient } from '../../../src/client/fleetClient.ts';
import { connectFleet } from '../../../src/connectFleet.ts';
import { StoreError, TimeoutError } from '../../../src/errors.ts';
import { fleetName, type ClientPlan } from '../plans.ts';
import { tasksOf, type BatchPlan } from '../workload.ts';
import type { Witness } from '../witness.ts';
import { readerOf } from './ledger.ts';

/** How long a client waits for an answer before it asks again, ms; then twice as long: the machine may be busy. */
const answerMs = 500;
const longestAnswerMs = 16_000;

/** Submits each batch until it is told that it is durable, cancels some, and listens to the results of all. */
export async function runClient(plan: ClientPlan, witness: Witness): Promise<void> {
  const fleet = await connectFleet(readerOf(plan.ledger), { name: fleetName });
  await Promise.all(
    plan.batches.map(async (batch) => {
      await submit(batch, plan, fleet, witness);
      if (batch.isCancelled) await untilAnswered((timeoutMs) => fleet.cancelBatch(batch.id, { timeoutMs }));
      await listen(batch, fleet, witness);
    })
  );
}

async function submit(
  batch: BatchPlan,
  plan: ClientPlan,
  fleet: FleetClient,
  witness: Witness
): Promise<void> {
  const { id: batchId, kinds } = batch;
  const { frontPort } = plan;
  witness.tell({ type: 'asked', batchId, tasks: kinds.length });
  const ask = () =>
    untilAnswered((timeoutMs) =>
      frontPort === null
        ? fleet.submitBatch(tasksOf(kinds), { batchId, timeoutMs })
        : post(batch, frontPort, timeoutMs)
    );
  // Of who asks twice, each is told that it is there.
  await (plan.isRepeated ? Promise.all([ask(), ask(), ask()]) : ask());
  witness.tell({ type: 'acknowledged', batchId, tasks: kinds.length });
  // A message that was under way for long.
  if (plan.isRepeated) await ask();
}

/** To the manager. @throws {TimeoutError} whatever fails: it is not known whether it was taken. */
async function post({ id, kinds }: BatchPlan, port: number, timeoutMs: number): Promise<void> {
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const body = JSON.stringify({ id, kinds });
    const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body, signal });
    await response.arrayBuffer();
    if (response.status === 201) return;
  } catch {
    // Asked again, under its id.
  }
  throw new TimeoutError(`batch ${id}`, timeoutMs);
}

/** Hears each result once, from where it was interrupted. */
async function listen({ id }: BatchPlan, fleet: FleetClient, witness: Witness): Promise<void> {
  let afterSettledSeq = 0;
  await untilAnswered(async () => {
    for await (const { key, settledSeq } of fleet.streamBatchResults(id, { afterSettledSeq })) {
      witness.tell({ type: 'heard', key });
      afterSettledSeq = settledSeq;
    }
  });
}

/** Whoever is gone is followed by another one. @throws what is no matter of who is away. */
async function untilAnswered(ask: (timeoutMs: number) => Promise<unknown>): Promise<void> {
  for (let timeoutMs = answerMs; ; timeoutMs = Math.min(2 * timeoutMs, longestAnswerMs)) {
    try {
      await ask(timeoutMs);
      return;
    } catch (error) {
      if (!(error instanceof TimeoutError) && !(error instanceof StoreError)) throw error;
      await sleep(randomInt(10, 80));
    }
  }
}
