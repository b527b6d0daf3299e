import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../src/testing/simulatedClock.ts';
import { createWaveFleet, runWave, type Scaling } from './waves.ts';

describe('the waves', () => {
  it('have the fleet grow within its limits, and shrink to the least when they are over', async () => {
    const clock = new SimulatedClock();
    const scalings: Scaling[] = [];
    await using fleet = createWaveFleet({
      clock,
      handlers: { ripple: (ms) => new Promise((resolve) => clock.setAlarm(resolve, ms)) }
    });
    fleet.on('workers.scaled', (fact) => scalings.push(fact));
    await fleet.start();
    expect((await fleet.getStats()).workerCount).toBe(2);

    const wave = runWave(fleet, 600, 20);
    await clock.advance(5_000);

    expect(await wave).toBe(600);
    const sizes = [2, ...scalings.map(({ to }) => to)];
    expect(Math.max(...sizes)).toBe(20);
    expect(sizes.at(-1)).toBe(2);
    const turns = sizes.filter(
      (size, index) => index > 0 && index < sizes.length - 1 && isTurn(sizes, index, size)
    );
    expect(turns).toEqual([20]);
  });
});

/** Whether it grew to this size and then shrank, or the other way round. */
function isTurn(sizes: readonly number[], index: number, size: number): boolean {
  return size > sizes[index - 1]! !== sizes[index + 1]! > size;
}
