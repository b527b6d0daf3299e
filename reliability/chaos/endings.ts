import type { SeededRandom } from '../../src/testing/seededRandom.ts';
import { shuffled } from './callers.ts';
import { crashPoints, type CrashPoint } from './crashPoints.ts';
import { lethalConfig } from './plan.ts';

/** How the life of a process ends. */
export type Ending =
  /** It kills itself at a crash point. */
  | { readonly type: 'crash'; readonly point: CrashPoint }
  /** SIGKILL at a random moment: while it starts, or later. */
  | { readonly type: 'kill' }
  /** SIGTERM: it drains. */
  | { readonly type: 'terminate' }
  /** A second SIGTERM while it drains. */
  | { readonly type: 'terminateTwice' }
  /** SIGSTOP, after a while SIGCONT, after another SIGKILL. */
  | { readonly type: 'freeze' }
  /** A second process tries to open its store; then SIGKILL. */
  | { readonly type: 'contend' }
  /** The handler of a lethal task ends it, in as many processes as that takes. */
  | { readonly type: 'poison' }
  /** By itself, when all is settled. */
  | { readonly type: 'finish' };

const poison: Ending = { type: 'poison' };

/** Endings besides crash points, in one round. */
const others: readonly Ending[] = [
  { type: 'kill' },
  { type: 'kill' },
  { type: 'kill' },
  { type: 'terminate' },
  { type: 'terminate' },
  { type: 'terminateTwice' },
  { type: 'freeze' },
  { type: 'contend' },
  poison
];

/** A lethal task takes a process for each attempt that it may lose, and one more. */
const poisonLives = lethalConfig.maxRecoveries + 1;

/**
 * Deals the endings of all processes to stores: each round has every crash point once.
 *
 * @param cycles - Processes in all.
 * @returns For each store the endings of its processes; the last one is always `finish`.
 */
export function dealEndings(cycles: number, random: SeededRandom): Ending[][] {
  const stores: Ending[][] = [];
  let round: Ending[] = [];
  for (let left = cycles; left > 0;) {
    const lives: Ending[] = [];
    for (let most = random.integer(5, 9); most > 0 && lives.length + 1 < left; most--) {
      if (round.length === 0) round = newRound(random);
      const ending = round.shift()!;
      // A store has one lethal task; once it is poison it kills no more.
      if (ending === poison && lives.includes(poison)) round.push({ type: 'kill' });
      else lives.push(...Array.from({ length: ending === poison ? poisonLives : 1 }, () => ending));
    }
    // A store that is new has nothing to recover.
    if (lives.length > 1 && isOfRecovery(lives[0]!)) lives.push(lives.shift()!);
    lives.push({ type: 'finish' });
    stores.push(lives);
    left -= lives.length;
  }
  return stores;
}

export function nameOf(ending: Ending): string {
  return ending.type === 'crash' ? ending.point : ending.type;
}

function newRound(random: SeededRandom): Ending[] {
  return shuffled([...crashPoints.map((point): Ending => ({ type: 'crash', point })), ...others], random);
}

function isOfRecovery(ending: Ending): boolean {
  return ending.type === 'crash' && ending.point.startsWith('recovery');
}
