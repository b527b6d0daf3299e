import { BrokenByCrashError } from './testFleetErrors.ts';
import type { AnyFleet, CommitSide } from './fleetProcess.ts';
import type { TestFleet } from './testFleet.ts';
import { assertFunction } from '../validation/validation.ts';

const sides = ['beforeCommit', 'afterCommit'] as const satisfies readonly CommitSide[];

/**
 * Lives a short life as often as it has commits, twice each, and crashes at another one each time: just before it is
 * written, and just after. Then the fleet is restarted, and the life begins anew, as a program does that is run again.
 *
 * @param start - Makes the fleet, with a store of its own each time. Its life has to be the same each time.
 * @param live - What is done and checked. It has to bear what was done before: what it submits needs ids.
 * @returns How many crashes it has lived through.
 * @throws {BrokenByCrashError} which names the crash, with what was thrown as its `cause`. @throws what a life throws
 * without a crash. @throws {ValidationError}
 */
export async function crashEverywhere<TFleet extends AnyFleet>(
  start: () => Promise<TestFleet<TFleet>>,
  live: (fleet: TestFleet<TFleet>) => Promise<unknown>
): Promise<number> {
  assertFunction('start', start);
  assertFunction('live', live);
  for (let nth = 1; ; nth++) {
    for (const [index, at] of sides.entries()) {
      await using fleet = await start();
      const turn = fleet.turn + nth;
      fleet.crashAt({ at, turn });
      if (!(await isEndedByCrash(fleet, live))) return (nth - 1) * sides.length + index;
      try {
        await fleet.restart();
        await live(fleet);
      } catch (error) {
        throw new BrokenByCrashError(at, turn, error);
      }
    }
  }
}

async function isEndedByCrash<TFleet extends AnyFleet>(
  fleet: TestFleet<TFleet>,
  live: (fleet: TestFleet<TFleet>) => Promise<unknown>
): Promise<boolean> {
  try {
    await live(fleet);
  } catch (error) {
    // Whoever waits for a fleet that has crashed is refused, in one way or another.
    if (!fleet.hasCrashed) throw error;
  }
  return fleet.hasCrashed;
}
