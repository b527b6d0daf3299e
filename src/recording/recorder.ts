import type { AnyStateMachine, InspectionEvent } from 'xstate';
import { activePathsOf } from '../charts/statePaths.ts';
import type { Clock } from '../clock.ts';
import type { ObservedTurn, TurnObserver, TurnObservers } from '../journal/turnObserver.ts';
import { RecordingWriter } from './recordingWriter.ts';
import { TurnEncoder } from './turnEncoder.ts';
import { WordWriter } from './words.ts';

/** Characters of what happened to a worker that are recorded. */
const reasonLength = 1_024;

const agents: ReadonlySet<string> = new Set(['fleet', 'worker', 'coordinator', 'autoscaler']);

export interface RecorderOptions {
  readonly path: string;
  readonly fleet: string;
  readonly clock: Clock;
  readonly observers: TurnObservers;
}

/**
 * Records a fleet: rows by its committed turns, agents by XState's inspection. Nothing of what tasks carry, return or
 * log is written, nor any metadata; ids, types, times and the messages of errors are.
 */
export class Recorder implements TurnObserver {
  readonly #options: RecorderOptions;
  readonly #writer: RecordingWriter;
  #words = new WordWriter();
  #turns = new TurnEncoder(this.#words);
  /** Where each agent is, by the actor that it is. */
  #states = new WeakMap<object, AgentState>();
  #observing: Disposable | null = null;
  #opening: Promise<void> | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#writer = new RecordingWriter({
      ...options,
      onStopped: (error) => {
        this.#unobserve();
        process.emitWarning(error);
      }
    });
  }

  /** Begins a session. Idempotent. @throws {RecordingError} @throws errors of the disk */
  open(): Promise<void> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = null;
      throw error;
    });
    return this.#opening;
  }

  /** Ends the session. Resolves when it is in the file. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close().finally(() => (this.#closing = null));
    return this.#closing;
  }

  turnCommitted(turn: ObservedTurn): void {
    this.#writer.write(this.#turns.encode(turn));
  }

  /** For XState's `inspect`. */
  readonly inspect = (event: InspectionEvent): void => {
    if (event.type !== '@xstate.snapshot' || this.#observing === null) return;
    const { value } = event.snapshot as { readonly value?: unknown };
    const known = this.#states.get(event.actorRef);
    // The same object while no region moves.
    if (known !== undefined && known.value === value) return;
    const { logic, id } = event.actorRef as {
      readonly logic?: Partial<AnyStateMachine>;
      readonly id?: string;
    };
    const machine = logic?.id;
    if (machine === undefined || !agents.has(machine)) return;
    const to = activePathsOf(logic!.root!, value).join(' ');
    this.#states.set(event.actorRef, { value, to });
    if (known?.to === to) return;
    const reason = reasonOf(event.event)?.slice(0, reasonLength);
    const words = this.#words;
    // Words are written in the order in which they are read.
    this.#writer.write([
      'agent',
      this.#options.clock.now(),
      words.write(machine),
      words.write(machine === 'worker' ? id! : machine),
      known === undefined ? null : words.write(event.event.type),
      words.write(to),
      reason
    ]);
  };

  async #open(): Promise<void> {
    this.#words = new WordWriter();
    this.#turns = new TurnEncoder(this.#words);
    this.#states = new WeakMap();
    await this.#writer.open();
    this.#observing = this.#options.observers.add(this);
  }

  async #close(): Promise<void> {
    if (this.#opening === null) return;
    await this.#opening;
    this.#opening = null;
    this.#unobserve();
    await this.#writer.close();
  }

  #unobserve(): void {
    this.#observing?.[Symbol.dispose]();
    this.#observing = null;
  }
}

interface AgentState {
  readonly value: unknown;
  readonly to: string;
}

/** What an event says of why: of a worker that died, or of a store that failed. */
function reasonOf(event: { readonly type: string; readonly problem?: unknown }): string | undefined {
  const { problem } = event;
  if (typeof problem === 'string') return problem;
  const { message } = (problem ?? {}) as { readonly message?: unknown };
  return typeof message === 'string' ? message : undefined;
}
