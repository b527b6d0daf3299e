import { describe, expect, it } from 'vitest';
import { settled, SimulatedClock, startFleet } from '../harness.ts';

describe('turns', () => {
  it('follow each other without the machine being asked', async () => {
    const told: string[] = [];
    const { fleet } = await startFleet({
      handlers: { work: () => {} },
      config: { maxConcurrentWorkers: 1 },
      inspect: (event) => {
        if (event.type === '@xstate.event' && event.event.type.startsWith('turn.'))
          told.push(event.event.type);
      }
    });
    await settled();
    told.length = 0;

    const ids = Array.from({ length: 10 }, (_, index) => `${index}`);
    const batchId = await fleet.submitBatch(ids.map((id) => ({ id, type: 'work', data: null })));
    await fleet.waitForBatch(batchId);
    await settled();

    expect(told).toEqual(['turn.due', 'turn.committed']);
    expect(await fleet.getStats()).toMatchObject({ completedTasks: 10 });
  });

  it('take in a deadline that comes when the last of them has just ended', async () => {
    const clock = new LateClock();
    const { fleet } = await startFleet({ handlers: { work: () => {} }, clock });
    await fleet.submitAsync('work', null, { id: 'later', startAfter: clock.now() + 100 });
    await settled();
    fleet.on('task.settled', ({ key }) => {
      if (key === 'now') clock.beforeNext = () => clock.ring(100);
    });

    await fleet.submitAsync('work', null, { id: 'now' });
    await settled();

    expect(await fleet.getStats()).toMatchObject({ completedTasks: 2 });
  });
});

/** The last alarm of a deadline rings just before the event loop goes on, when the test says so. */
class LateClock extends SimulatedClock {
  beforeNext = (): void => {};
  #alarm = (): void => {};

  override setAlarm(callback: () => void, delayMs: number): Disposable {
    // What looks at the event loop does so each 500 ms.
    if (delayMs < 500) this.#alarm = callback;
    return super.setAlarm(callback, delayMs);
  }

  override setSoon(callback: () => void): void {
    super.setSoon(() => {
      this.beforeNext();
      this.beforeNext = () => {};
      callback();
    });
  }

  ring(afterMs: number): void {
    this.jump(afterMs);
    this.#alarm();
  }
}
