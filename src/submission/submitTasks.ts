import type { BatchStatus } from '../../machines/batch.ts';
import type { LedgerCommand } from '../../machines/fleetCommand.ts';
import type { Json } from '../../machines/task.ts';
import type { Clock } from '../clock.ts';
import { FencedError, NotRunningError, StoreError, TimeoutError } from '../errors.ts';
import type { SubmissionTraces } from '../fleetTelemetry.ts';
import type { SubmitReply } from '../turn/batchRules.ts';
import { parseJson } from '../validation/jsonText.ts';
import { assertIdWithoutSlash, jsonTextOf, readOptions, refuse } from '../validation/validation.ts';
import { BatchSubmission } from './batchSubmission.ts';
import type { DataReader } from './schema.ts';
import { endingSpan } from './submissionSpans.ts';
import { startTime, type StartOptions } from './task.ts';

/** `startAfter` and `delayMs` are those of its tasks that have neither. */
export interface BatchOptions extends StartOptions {
  /** Names the batch, so that submitting it again continues it. No slash. Defaults to a fresh UUID. */
  readonly batchId?: string;
  readonly metadata?: Json;
}

/** The fleet that tasks are brought into: that of this process, or one that is reached through its store. */
export interface SubmissionTarget {
  readonly clock: Clock;
  /** Epoch ms, from which delays count; `null`: the owner of the fleet counts, elsewhere. */
  now(): number | null;
  readonly newId: () => string;
  /** `null`: nobody traces here. */
  readonly traces: SubmissionTraces | null;
  /** `null`: any, or nobody knows here. */
  types(): ReadonlySet<string> | null;
  /** What the queue can ever hold; `null`: anything, or nobody knows here. */
  maxQueueSize(): number | null;
  /** Tasks that can run at once; 0: nobody knows here. */
  places(): number;
  /** Bytes beyond which no task is added to those that are submitted together. */
  readonly chunkBytes: number;
  /** Aborted when whoever submits waits no longer: what is there goes on when it is repeated. */
  readonly ended?: AbortSignal;
  send(command: LedgerCommand): Promise<unknown>;
  statusOf(batchId: string): Promise<BatchStatus>;
  /** Ends the wait for a stream when nothing more can be submitted: its source may be silent for ever. */
  untilClosed(batchId: string, submitted: Promise<void>): Promise<void>;
}

/** Submits tasks as one batch. @returns The batch's id. */
export async function submitTasks(
  target: SubmissionTarget,
  tasks: unknown,
  options: BatchOptions,
  readData: DataReader
): Promise<string> {
  const given = readBatchOptions(options);
  const { batchId = target.newId(), metadata, ...start } = given;
  assertIdWithoutSlash('batchId', batchId);
  const span = target.traces?.submit({ kind: 'batch', batchId });
  const submission = new BatchSubmission({
    batchId,
    isMinted: given.batchId === undefined,
    metadata: metadata === undefined ? null : (parseJson(jsonTextOf('metadata', metadata)) as Json),
    traceparent: span?.traceparent,
    start,
    types: target.types(),
    readData,
    maxQueueSize: target.maxQueueSize(),
    places: target.places(),
    chunkBytes: target.chunkBytes,
    clock: target.clock,
    now: () => target.now(),
    send: (command) => target.send(command) as Promise<SubmitReply>
  });
  const submit = async (): Promise<void> => {
    if (isArray(tasks)) await submitAll(target, submission, batchId, submission.submitArray(tasks));
    else if (isIterable(tasks)) {
      const submitted = target.untilClosed(batchId, submission.submitStream(tasks));
      await submitAll(target, submission, batchId, submitted);
    } else refuse('tasks', tasks, 'an array, an iterable or an async iterable');
  };
  if (span === undefined) await submit();
  else await endingSpan(span, async () => [await submit(), { tasks: submission.submitted }]);
  return batchId;
}

/** The options, read once. @throws {ValidationError} */
export function readBatchOptions(options: BatchOptions): BatchOptions {
  const read = readOptions('options', options, ['batchId', 'metadata', 'startAfter', 'delayMs']);
  startTime(read, 'options', 0);
  return read;
}

async function submitAll(
  target: SubmissionTarget,
  submission: BatchSubmission,
  batchId: string,
  submitted: Promise<void>
): Promise<void> {
  try {
    await submitted;
  } catch (error) {
    submission.abandon(error as Error);
    // What a conflict names is not this submission's to cancel, nor is what another one has completed.
    if (submission.isOwner && !isInterruption(error) && target.ended?.aborted !== true) {
      const { status } = await target.statusOf(batchId);
      if (status === 'accepting') await target.send({ type: 'batch.cancel', batchId });
    }
    throw error;
  }
}

/** What was interrupted goes on when it is repeated. */
function isInterruption(error: unknown): boolean {
  return [NotRunningError, StoreError, FencedError, TimeoutError].some((type) => error instanceof type);
}

/** `Array.isArray` throws for a Proxy that is revoked. */
function isArray(tasks: unknown): tasks is readonly unknown[] {
  try {
    return Array.isArray(tasks);
  } catch {
    return false;
  }
}

function isIterable(tasks: unknown): tasks is Iterable<unknown> | AsyncIterable<unknown> {
  try {
    return (
      typeof tasks === 'object' &&
      tasks !== null &&
      (Symbol.asyncIterator in tasks || Symbol.iterator in tasks)
    );
  } catch {
    return false;
  }
}
