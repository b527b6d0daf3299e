import type { Clock } from '../clock.ts';
import type { Executor } from '../executor.ts';
import type { FleetTelemetry } from '../fleetTelemetry.ts';
import type { FleetLogger } from '../logging/fleetLogger.ts';
import type { Store, StoreReader } from '../store.ts';
import { refuse } from './validation.ts';

/** @throws {ValidationError} unless it has all that a store has. */
export function assertStore(argument: string, value: unknown): asserts value is Store {
  assertMethods(argument, value, storeMethods, 'a store: memoryStore(), or sqliteStore(path)');
}

/** @throws {ValidationError} unless it has all that a clock has. */
export function assertClock(argument: string, value: unknown): asserts value is Clock {
  assertMethods(argument, value, clockMethods, 'a clock, such as systemClock');
}

/** @throws {ValidationError} unless it has all that an executor has. */
export function assertExecutor(argument: string, value: unknown): asserts value is Executor {
  assertMethods(argument, value, executorMethods, 'an executor: inProcess(…), threads(…) or processes(…)');
}

/** @throws {ValidationError} unless it has all that telemetry has. */
export function assertTelemetry(argument: string, value: unknown): asserts value is FleetTelemetry {
  assertMethods(argument, value, telemetryMethods, 'made by createTelemetry() of xstate-fleet/telemetry');
}

/** @throws {ValidationError} unless it has all that a logger has. */
export function assertLogger(argument: string, value: unknown): asserts value is FleetLogger {
  assertMethods(argument, value, loggerMethods, 'a function, or a logger such as pino()');
}
/** @throws {ValidationError} unless it has all that a store's reader has. */
export function assertReader(argument: string, value: unknown): asserts value is StoreReader {
  assertMethods(
    argument,
    value,
    readerMethods,
    'the path of a store, a store, or its reader: sqliteReader(path)'
  );
}

const readerMethods = [
  'readBatch',
  'listBatches',
  'readTasks',
  'readTaskRows',
  'listTasks',
  'readResults',
  'readResult',
  'readSchedule',
  'listSchedules',
  'readHead',
  'listScopes',
  'readOwner',
  'sendCommand',
  'readReply',
  'close'
] satisfies (keyof StoreReader)[];

const storeMethods = [
  'open',
  'commit',
  'removeBatch',
  'listExpiredBatches',
  'removeExpiredResults',
  'removeOutsideResults',
  'readPayloads',
  'readKeyHolders',
  'readTemplates',
  'sumResults',
  'hasResults',
  'watchCommands',
  'answerCommand',
  'removeScope',
  'release',
  ...readerMethods
] satisfies (keyof Store)[];

const clockMethods = ['now', 'monotonic', 'setAlarm', 'setSoon'] satisfies (keyof Clock)[];

const telemetryMethods = ['attach', 'tracesTo', 'metrics'] satisfies (keyof FleetTelemetry)[];

const loggerMethods = ['debug', 'info', 'warn', 'error'] satisfies (keyof FleetLogger)[];

const executorMethods = [
  'start',
  'startWorker',
  'stopWorker',
  'dispatch',
  'abort',
  'reattach',
  'stop'
] satisfies (keyof Executor)[];

/** Own or inherited, of an object or a Proxy: what it does when it is called is another question. */
function assertMethods(argument: string, value: unknown, names: readonly string[], allowed: string): void {
  let missing: string | undefined;
  try {
    missing = names.find((name) => typeof (value as Record<string, unknown>)[name] !== 'function');
  } catch {
    refuse(argument, value, allowed);
  }
  if (missing !== undefined) refuse(argument, value, `${allowed}; it has no ${missing}()`);
}
