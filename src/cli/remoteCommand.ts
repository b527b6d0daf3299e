import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuid } from 'uuid';
import type { CommandReply, RemoteCommand } from '../store.ts';
import type { OpenedStore } from './openedStore.ts';
import { print, printable } from './terminal.ts';

const pollMs = 50;
/** How long an owner may take to answer. */
const answerMs = 10_000;

/**
 * Leaves a command in a store's inbox and, when a run owns the store, waits for what it answers.
 *
 * @param tell - Says what a reply means.
 * @returns The exit code: 0 unless the command was refused.
 */
export async function sendCommand(
  opened: OpenedStore,
  command: RemoteCommand,
  tell: (value: unknown) => string
): Promise<number> {
  const { store, scope, path } = opened;
  const id = uuid();
  await store.sendCommand(scope, { id, command, sentAt: Date.now() });
  const owner = await store.readOwner(scope);
  const deadline = performance.now() + (owner === null ? 0 : answerMs);
  let reply: CommandReply | null;
  while ((reply = await store.readReply(scope, id)) === null && performance.now() < deadline) {
    await sleep(pollMs);
  }
  if (reply !== null) return tellReply(reply, tell);
  await print(
    owner === null
      ? `No run owns the store: the command waits in it, and the next run with --store ${printable(path)} obeys it.\n`
      : `The command waits in the store: ${printable(owner)} owns it and has not answered within ${answerMs / 1_000} s.\n`
  );
  return 0;
}

async function tellReply(reply: CommandReply, tell: (value: unknown) => string): Promise<number> {
  await print(`${printable(reply.ok ? tell(reply.value) : reply.message)}\n`);
  return reply.ok && reply.value !== false ? 0 : 1;
}
