import { expect, it } from 'vitest';
import { gate, settled, SimulatedClock, startFleet } from '../harness.ts';

const turnEvents = ['turn.due', 'turn.committed'];

it('tells the fleet of the turns of a task once, when they have come to rest', async () => {
  const { fleet, events } = await observedFleet();
  await fleet.submit('echo', 1);
  await settled();
  expect(events).toEqual(['turn.due', 'turn.committed']);
});

it('tells the fleet that all is durable while a task runs', async () => {
  const { fleet, events, finish } = await observedFleet();
  const submitted = fleet.submit('wait', null);
  await settled();
  expect(events).toEqual(['turn.due', 'turn.committed']);
  expect(fleet.actor.getSnapshot().value.journal).toBe('clean');

  finish();
  await submitted;
  await settled();
  expect(events).toEqual([...turnEvents, ...turnEvents]);
});

it('takes a turn for the deadline of a task when other tasks have come and gone since', async () => {
  const { fleet, clock } = await observedFleet();
  const submitted = fleet.submit('wait', null, { timeoutMs: 1_000, maxRetries: 0 });
  submitted.catch(() => {});
  await settled();
  await fleet.submit('echo', 1);
  await clock.advance(1_000);
  await expect(submitted).rejects.toMatchObject({ result: { status: 'timedOut' } });
});

it('takes in a deadline that comes when the last turn has just ended', async () => {
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

/** A fleet that rests, and the events of its turns from then on. */
async function observedFleet() {
  const events: string[] = [];
  const { promise: opened, open } = gate();
  const { fleet, clock } = await startFleet({
    handlers: { echo: (value: unknown) => value, wait: () => opened },
    inspect: (event) => {
      if (event.type === '@xstate.event' && turnEvents.includes(event.event.type))
        events.push(event.event.type);
    }
  });
  await settled();
  events.length = 0;
  return { fleet, clock, events, finish: open };
}

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
