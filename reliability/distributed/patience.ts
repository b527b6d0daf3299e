import { saidSoFar } from './witness.ts';
import type { World } from './world.ts';

/**
 * Notices when nothing comes of it any more that processes run. It counts no time but the turns of their event loops: a
 * machine that is busy with other things has no process judged.
 */
export class Patience {
  readonly #world: World;
  readonly #turns: number;
  #said = -1;
  /** How often each process had turned when something was last said, by process id. */
  #since: ReadonlyMap<number, number> = new Map();

  /** @param turns - How often each process may turn in vain. */
  constructor(world: World, turns: number) {
    this.#world = world;
    this.#turns = turns;
  }

  /** Whether no process that runs has anything to show for so many turns. Looks at them now: call it again and again. */
  isOver(): boolean {
    const running = this.#world.processes().filter(({ isRunning }) => isRunning);
    const said = saidSoFar(this.#world.witnessFolder);
    if (said !== this.#said) this.#since = new Map(running.map(({ pid, pulses }) => [pid, pulses]));
    this.#said = said;
    return running.every(({ pid, pulses }) => pulses - (this.#since.get(pid) ?? 0) >= this.#turns);
  }
}
