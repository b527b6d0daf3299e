import { parentPort, workerData } from 'node:worker_threads';
import { ExitGate } from './exitGate.ts';
import { failureOf } from './failure.ts';
import { loadSqlite } from './library.ts';
import type { CallMessage, DriverMessage, DriverSetup } from './protocol.ts';
import { StoreDriver } from './storeDriver.ts';

// The thread's own file: it takes calls from its port, and answers each before it takes the next.

/** How often the inbox is looked at, ms: often for a while after something has come, since more may follow. */
const restingPollMs = 25;
const busyPollMs = 5;
const busyForMs = 1_000;

const port = parentPort!;
const { options, memory } = workerData as DriverSetup;
const gate = new ExitGate(memory);

void loadSqlite().then((openDatabase) => {
  const driver = new StoreDriver(options, openDatabase, (watch, commands) =>
    post(['commands', watch, commands])
  );
  port.on('message', (message: CallMessage) => {
    gate.pass(() => post(answer(driver, message)));
    // Nothing is left that would keep the thread alive.
    if (message[1] === 'close') port.close();
  });
  let busyUntil = -Infinity;
  const poll = (): void => {
    gate.pass(() => {
      if (driver.poll()) busyUntil = performance.now() + busyForMs;
    });
    pollSoon();
  };
  // The port keeps the thread alive, not the polling.
  const pollSoon = (): void => {
    setTimeout(poll, performance.now() < busyUntil ? busyPollMs : restingPollMs).unref();
  };
  pollSoon();
});

function answer(driver: StoreDriver, [id, call, args]: CallMessage): DriverMessage {
  try {
    const carryOut = driver[call] as (...args: readonly unknown[]) => unknown;
    return [id, null, carryOut.apply(driver, [...args])];
  } catch (error) {
    return [id, failureOf(error, options.path)];
  }
}

function post(message: DriverMessage): void {
  port.postMessage(message);
}
