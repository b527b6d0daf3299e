import type { Json } from '../../machines/task.ts';
import type { WorkerFilter, WorkerInfo } from '../agents/workerViews.ts';
import { pause } from '../pause.ts';
import type { Clock } from '../clock.ts';
import { FencedError, NotRunningError } from '../errors.ts';
import type { CommandReply, InboxCommand, RemoteCommand, Store } from '../store.ts';
import type { Submissions } from '../submission/submissions.ts';
import { limits } from '../validation/limits.ts';
import { readFields, refuse } from '../validation/validation.ts';
import { refusalOf } from './commandErrors.ts';
import type { FleetAccess } from './fleetAccess.ts';

/** What a command from another process may ask for, but for submissions. */
export type Commandable = Pick<
  FleetAccess,
  | 'cancelBatch'
  | 'pauseBatch'
  | 'resumeBatch'
  | 'retryBatch'
  | 'cancelTask'
  | 'retryTask'
  | 'scaleWorkers'
  | 'getWorkers'
  | 'pause'
  | 'resume'
>;

export interface InboxOptions {
  readonly store: Store;
  readonly scope: string;
  readonly clock: Clock;
  readonly fleet: Commandable;
  readonly submissions: Pick<Submissions, 'submitChunk' | 'submitRemoteTask'>;
}

/** After which time an answer is written again that could not be written, ms. */
const answerAgainMs = 1_000;

/**
 * Carries out what other processes leave in the store's inbox, and answers: one after the other, but for submissions,
 * which wait for room, and would hold up what cancels them.
 *
 * A crash between carrying out and answering has the command carried out again: all of them are idempotent. What a fleet
 * that stops does not take is left to the next owner.
 */
export function obeyInbox(options: InboxOptions): Disposable {
  const { store, scope } = options;
  const inbox = { ...options, leaving: new AbortController() };
  let last: Promise<void> = Promise.resolve();
  const watch = store.watchCommands(scope, (received) => {
    if (isSubmission(received.command)) void obey(inbox, received);
    else last = last.then(() => obey(inbox, received));
  });
  return {
    [Symbol.dispose]() {
      watch[Symbol.dispose]();
      inbox.leaving.abort();
    }
  };
}

interface OpenInbox extends InboxOptions {
  /** Aborted when nothing is answered any more. */
  readonly leaving: AbortController;
}

/** Resolves when it is carried out: an answer that cannot be written holds up nobody. */
async function obey(inbox: OpenInbox, { id, command }: InboxCommand): Promise<void> {
  const reply = await replyTo(inbox, command);
  if (reply !== null && !(await answer(inbox, id, reply))) void answerLater(inbox, id, reply);
}

/** @returns `false`: the store has not taken it. */
async function answer({ store, scope }: OpenInbox, id: string, reply: CommandReply): Promise<boolean> {
  try {
    await store.answerCommand(scope, id, reply);
    return true;
  } catch (error) {
    // The next owner carries it out again, and answers.
    return error instanceof FencedError;
  }
}

async function answerLater(inbox: OpenInbox, id: string, reply: CommandReply): Promise<void> {
  const { clock, leaving } = inbox;
  try {
    do await pause(clock, answerAgainMs, leaving.signal);
    while (!(await answer(inbox, id, reply)));
  } catch {
    // The fleet stops: it comes again with the next start.
  }
}

/** Whatever another process wrote, it throws nothing. */
function isSubmission(command: RemoteCommand | null): boolean {
  const type = command?.type;
  return type === 'batch.submit' || type === 'task.submit';
}

/** @returns `null`: the command is the next owner's. */
async function replyTo(inbox: OpenInbox, command: RemoteCommand): Promise<CommandReply | null> {
  try {
    return { ok: true, value: ((await carryOut(inbox, command)) ?? null) as Json };
  } catch (error) {
    if (error instanceof NotRunningError || error instanceof FencedError) return null;
    return refusalOf(error);
  }
}

/** The command was written by another process, maybe of another version: nothing of it is taken for granted. */
function carryOut({ fleet, submissions }: OpenInbox, received: RemoteCommand): Promise<unknown> {
  const command = readFields('command', received);
  switch (command.type) {
    case 'batch.submit':
      return submissions.submitChunk(command);
    case 'task.submit':
      return submissions.submitRemoteTask(command);
    case 'batch.cancel':
      return fleet.cancelBatch(command.batchId);
    case 'batch.pause':
      return fleet.pauseBatch(command.batchId);
    case 'batch.resume':
      return fleet.resumeBatch(command.batchId);
    case 'batch.retry':
      return fleet.retryBatch(command.batchId, { batchId: command.newBatchId });
    case 'task.cancel':
      return fleet.cancelTask(command.key);
    case 'task.retry':
      return fleet.retryTask(command.key, { id: command.newKey });
    case 'workers.scale':
      return fleet.scaleWorkers(command.count);
    case 'workers.list':
      return firstWorkers(fleet, command.filter as WorkerFilter);
    case 'fleet.pause':
      return fleet.pause();
    case 'fleet.resume':
      return fleet.resume();
    default:
      return refuse('command.type', (command as { type: unknown }).type, 'a command that this version knows');
  }
}

/** As many as one answer may hold. */
async function firstWorkers(fleet: Commandable, filter: WorkerFilter): Promise<WorkerInfo[]> {
  return (await fleet.getWorkers(filter)).slice(0, limits.listedWorkers);
}
