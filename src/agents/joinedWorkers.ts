import type { FleetEvent } from '../../machines/fleetMachine.ts';
import type { Joining, WorkerEvent, WorkerReport } from '../../machines/workerMachine.ts';
import { slotName } from '../../machines/workerSlots.ts';
import type { JoinedWorker } from '../executor.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { readJoinedWorker } from '../validation/joinedWorker.ts';
import type { WorkerHealth } from './workerHealth.ts';

/** Workers that were lost, and those that ended, of which each is remembered. */
const mostRemembered = 1_000;

export interface JoinedWorkersOptions {
  readonly ledger: Ledger;
  readonly health: Pick<WorkerHealth, 'heard' | 'leave' | 'lose'>;
  readonly tell: (slot: string, event: WorkerEvent) => void;
  /** Has places made for workers that have come, all at once. */
  readonly spawn: (event: Extract<FleetEvent, { type: 'workers.joined' }>) => void;
  /** Has {@link JoinedWorkers.apply} called soon, between two turns. */
  readonly wake: () => void;
}

type Change =
  | { readonly type: 'joined'; readonly worker: Joining }
  | { readonly type: 'draining' | 'left'; readonly workerId: string }
  | { readonly type: 'lost'; readonly workerId: string; readonly reason: string };

/**
 * The workers that come by themselves, and the places of the fleet that they fill.
 *
 * What they say is taken between turns, when no claim is under way: a thousand that come at once are one step of the
 * fleet. A place that its worker has left is the next one's, so that there are never more of them than workers were there at
 * once. A lost worker that is heard again is taken back with what it said last; one that drained or left never is, since a
 * process that starts anew comes under another id: what still comes of it was late.
 */
export class JoinedWorkers {
  readonly #options: JoinedWorkersOptions;
  #changes: Change[] = [];
  /** By the id of the worker that is in it. */
  readonly #slots = new Map<string, string>();
  /** What each said last, those that were lost included. */
  readonly #said = new Map<string, Joining>();
  readonly #emptySlots: string[] = [];
  readonly #lost = new Set<string>();
  readonly #ended = new Set<string>();
  #slotCount = 0;

  constructor(options: JoinedWorkersOptions) {
    this.#options = options;
  }

  /** @throws {ValidationError} */
  joined(worker: JoinedWorker): void {
    this.#note({ type: 'joined', worker: readJoinedWorker(worker) });
  }

  draining(workerId: string): void {
    this.#note({ type: 'draining', workerId });
  }

  left(workerId: string): void {
    this.#note({ type: 'left', workerId });
  }

  /** It is gone. What is claimed for it in a turn that is under way the executor gets, and gives back: nobody is charged for it. */
  lost(workerId: string, reason: string): void {
    this.#note({ type: 'lost', workerId, reason });
  }

  /** A worker has answered. One that was lost is back. */
  heard(workerId: string): void {
    if (this.#lost.has(workerId)) this.#note({ type: 'joined', worker: this.#said.get(workerId)! });
  }

  /** Takes in what a worker's actor said of it. */
  record({ type, workerId, slot }: WorkerReport): void {
    if (type === 'worker.lost') this.#lose(workerId);
    if (type !== 'worker.stopped') return;
    this.#emptySlots.push(slot);
    if (this.#slots.get(workerId) !== slot) return;
    this.#slots.delete(workerId);
    this.#said.delete(workerId);
  }

  /** Lets the places follow what has come in. Between turns. */
  apply(): void {
    if (this.#changes.length === 0) return;
    const { health } = this.#options;
    const changes = this.#changes;
    this.#changes = [];
    const newcomers = new Map<string, { readonly slot: string; readonly joining: Joining }>();
    for (const change of changes) {
      if (change.type === 'joined') this.#join(change.worker, newcomers);
      else {
        // Its place may be among those that are to be made.
        if (newcomers.has(change.workerId)) this.#spawn(newcomers);
        if (change.type !== 'lost') this.#end(change.workerId, change.type);
        else health.lose(change.workerId, change.reason, this.#slots.get(change.workerId));
      }
    }
    this.#spawn(newcomers);
  }

  #note(change: Change): void {
    this.#changes.push(change);
    this.#options.wake();
  }

  #join(
    joining: Joining,
    newcomers: Map<string, { readonly slot: string; readonly joining: Joining }>
  ): void {
    const { workerId } = joining;
    if (this.#ended.has(workerId)) return;
    const { ledger, health, tell } = this.#options;
    this.#said.set(workerId, joining);
    this.#lost.delete(workerId);
    const slot = this.#slots.get(workerId) ?? this.#emptySlots.pop();
    const isNew = slot === undefined || newcomers.has(workerId);
    if (isNew) {
      const name = slot ?? slotName((this.#slotCount += 1));
      this.#slots.set(workerId, name);
      newcomers.set(workerId, { slot: name, joining });
      return;
    }
    this.#slots.set(workerId, slot);
    tell(slot, { type: 'worker.joined', joining, isBusy: ledger.roster.get(workerId)?.isBusy ?? false });
    health.heard(workerId);
  }

  #end(workerId: string, how: 'draining' | 'left'): void {
    const { health, tell } = this.#options;
    remember(this.#ended, workerId);
    this.#lost.delete(workerId);
    const slot = this.#slots.get(workerId);
    if (how === 'left') health.leave(workerId, slot);
    else if (slot !== undefined) tell(slot, { type: 'worker.drain' });
    if (slot === undefined) this.#said.delete(workerId);
  }

  #lose(workerId: string): void {
    // Its place empties: if it comes back meanwhile, it gets another one.
    this.#slots.delete(workerId);
    if (this.#ended.has(workerId)) return void this.#said.delete(workerId);
    const forgotten = remember(this.#lost, workerId);
    if (forgotten !== undefined) this.#said.delete(forgotten);
  }

  #spawn(newcomers: Map<string, { readonly slot: string; readonly joining: Joining }>): void {
    if (newcomers.size === 0) return;
    this.#options.spawn({ type: 'workers.joined', workers: [...newcomers.values()] });
    newcomers.clear();
  }
}

/** @returns What was forgotten for it. */
function remember(ids: Set<string>, id: string): string | undefined {
  ids.delete(id);
  ids.add(id);
  if (ids.size <= mostRemembered) return undefined;
  const [oldest] = ids;
  ids.delete(oldest!);
  return oldest;
}
