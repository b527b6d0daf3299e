import { setTimeout as sleep } from 'node:timers/promises';
import type { SeededRandom } from '../../src/testing/seededRandom.ts';
import type { TcpProxy } from './tcpProxy.ts';

/** What is done to a link, and for how long nothing else is. */
export interface LinkStep {
  readonly does: 'delay' | 'throttle' | 'dropToServer' | 'dropToClient' | 'hold' | 'cut' | 'refuse' | 'heal';
  readonly forMs: number;
}

/** What a flapping link does: up and down, in no rhythm. Ends whole. */
export function drawFlapping(random: SeededRandom, flaps: number): readonly LinkStep[] {
  return Array.from({ length: flaps }, (): LinkStep[] => [
    { does: 'cut', forMs: 0 },
    { does: 'refuse', forMs: random.integer(10, 150) },
    { does: 'heal', forMs: random.integer(10, 150) }
  ]).flat();
}

/** Swizzle-clog, as FoundationDB's tests have it: one kind of trouble after the other, ended in an order that is drawn. */
export function drawClogging(random: SeededRandom, steps: number): readonly LinkStep[] {
  const troubles = ['delay', 'throttle', 'dropToServer', 'dropToClient', 'hold', 'cut', 'refuse'] as const;
  return [
    ...Array.from({ length: steps }, (): LinkStep => ({
      does: random.chance(0.25) ? 'heal' : random.pick(troubles),
      forMs: random.integer(10, 150)
    })),
    { does: 'heal', forMs: 0 }
  ];
}

/** Does the steps, one after the other. */
export async function play(link: TcpProxy, steps: readonly LinkStep[]): Promise<void> {
  for (const { does, forMs } of steps) {
    await doStep(link, does);
    await sleep(forMs);
  }
}

async function doStep(link: TcpProxy, does: LinkStep['does']): Promise<void> {
  switch (does) {
    case 'delay':
      return link.delay(60);
    case 'throttle':
      return link.throttle(20_000);
    case 'dropToServer':
      return link.drop('toServer');
    case 'dropToClient':
      return link.drop('toClient');
    case 'hold':
      link.hold('toServer');
      return link.hold('toClient');
    case 'cut':
      return link.cut();
    case 'refuse':
      return link.refuse();
    case 'heal':
      return link.heal();
  }
}
