import { setMaxListeners } from 'node:events';
import type { Json } from '../../machines/task.ts';
import type { Clock } from '../clock.ts';
import { NotRunningError, StoreError, TimeoutError } from '../errors.ts';
import { errorOfRefusal } from '../fleet/commandErrors.ts';
import { readWaitOptions, type WaitOptions } from '../fleet/waiting.ts';
import type { CommandReply, InboxCommand, RemoteCommand, StoreReader } from '../store.ts';
import { isPassing } from './passing.ts';
import { pause } from '../pause.ts';

export interface CommandSenderOptions {
  readonly store: StoreReader;
  readonly scope: string;
  readonly clock: Clock;
  readonly newId: () => string;
}

/** The first look for a reply comes after so many ms; each further one after half as long again, up to the longest. */
const firstLookMs = 2;
const longestLookMs = 50;
/** After which time a command is left again, ms: its reply may have been forgotten. Whoever has it still ignores that. */
const sendAgainMs = 5_000;

/** Leaves commands in a store's inbox, and waits for what the owner of the fleet answers, whoever that is by then. */
export class CommandSender {
  readonly #options: CommandSenderOptions;
  readonly #closing = new AbortController();

  constructor(options: CommandSenderOptions) {
    this.#options = options;
    // Each wait listens.
    setMaxListeners(0, this.#closing.signal);
  }

  /** Aborted when nothing is sent or waited for any more, with the error that says so. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /**
   * Resolves with what the owner answers when that is durable. A fleet that nobody owns answers when it has an owner.
   *
   * @throws {TimeoutError} which leaves the command where it is. @throws the owner's refusal.
   */
  async send(command: RemoteCommand, options: WaitOptions = {}): Promise<Json> {
    const { timeoutMs, signal } = readWaitOptions(options);
    const reply = await this.#replyTo(command, timeoutMs, signal);
    if (reply.ok) return reply.value;
    throw errorOfRefusal(reply);
  }

  /** Ends all waits. What was sent stays. */
  close(): void {
    this.#closing.abort(new NotRunningError(this.#options.scope, 'commands of this client', 'disconnected'));
  }

  async #replyTo(
    command: RemoteCommand,
    timeoutMs: number | undefined,
    signal: AbortSignal | undefined
  ): Promise<CommandReply> {
    const { store, scope, clock, newId } = this.#options;
    const leaving = signal === undefined ? this.closed : AbortSignal.any([this.closed, signal]);
    leaving.throwIfAborted();
    const begunAt = clock.monotonic();
    const sent: InboxCommand = { id: newId(), command, sentAt: clock.now() };
    // What keeps the store from taking it is told; where it may have taken it, it is left again.
    await store.sendCommand(scope, sent).catch(throwUnlessUnknown);
    let sentAt = begunAt;
    for (let lookMs = firstLookMs; ; lookMs = Math.min(longestLookMs, lookMs * 1.5)) {
      const reply = await store.readReply(scope, sent.id).catch(throwUnlessPassing);
      if (reply !== null) return reply;
      const now = clock.monotonic();
      if (timeoutMs !== undefined && now - begunAt >= timeoutMs) {
        const remedy = 'it is in the store and will be obeyed, as soon as somebody owns the fleet';
        throw new TimeoutError(`Command ${command.type} of fleet ${scope}`, timeoutMs, remedy);
      }
      if (now - sentAt >= sendAgainMs) {
        sentAt = now;
        await store.sendCommand(scope, sent).catch(throwUnlessPassing);
      }
      const leftMs = timeoutMs === undefined ? Infinity : timeoutMs - (now - begunAt);
      await pause(clock, Math.min(lookMs, leftMs), leaving);
    }
  }
}

function throwUnlessUnknown(error: unknown): void {
  if (!(error instanceof StoreError && error.outcome === 'unknown')) throw error;
}

function throwUnlessPassing(error: unknown): null {
  if (isPassing(error)) return null;
  throw error;
}
