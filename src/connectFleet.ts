import { FleetClient } from './client/fleetClient.ts';
import { systemClock, type Clock } from './clock.ts';
import type { FleetTelemetry } from './fleetTelemetry.ts';
import type { Handlers } from './handlers/handler.ts';
import { newId } from './newId.ts';
import type { StoreReader } from './store.ts';
import { readerAt } from './stores/storeAt.ts';
import { assertClock, assertReader, assertTelemetry } from './validation/ports.ts';
import { assertDuration, assertFunction, assertId, readOptions } from './validation/validation.ts';

export interface ConnectOptions {
  /** Name of the fleet within its store. Defaults to `default`. */
  readonly name?: string;
  /** How long an owner may take to answer where a call does not say it, ms. Finite, >= 0. Defaults to no limit. */
  readonly timeoutMs?: number;
  /** Source of time. Defaults to the machine's. */
  readonly clock?: Clock;
  /** Mints ids of commands, batches and tasks. Defaults to UUID v7. */
  readonly newId?: () => string;
  /** Traces what is submitted: `createTelemetry({ traces: true })` of `xstate-fleet/telemetry`. Defaults to none. */
  readonly telemetry?: FleetTelemetry;
}

const optionNames = ['name', 'timeoutMs', 'clock', 'newId', 'telemetry'] satisfies (keyof ConnectOptions)[];

/**
 * Reaches a fleet that another process runs, or will run: its owner need not be there.
 *
 * @param location - The fleet's store: the path of a SQLite file, which has to exist by the first call, the URL of a PostgreSQL
 * database, or a store's
 * reader, which the caller closes.
 * @throws {ValidationError} @throws {StoreError} later, by the calls, where there is no store.
 */
export async function connectFleet<THandlers extends Handlers = Handlers>(
  location: string | StoreReader,
  options: ConnectOptions = {}
): Promise<FleetClient<THandlers>> {
  const given = readOptions('options', options, optionNames);
  const { name = 'default', timeoutMs, clock = systemClock } = given;
  assertId('options.name', name);
  if (timeoutMs !== undefined) assertDuration('options.timeoutMs', timeoutMs, 0);
  assertClock('options.clock', clock);
  if (given.newId !== undefined) assertFunction('options.newId', given.newId);
  if (given.telemetry !== undefined) assertTelemetry('options.telemetry', given.telemetry);
  const ownsStore = typeof location === 'string';
  if (!ownsStore) assertReader('location', location);
  const store = ownsStore ? await readerAt(location) : location;
  return new FleetClient<THandlers>({
    store,
    name,
    clock,
    newId: given.newId ?? newId,
    traces: given.telemetry?.tracesTo(name, clock) ?? null,
    timeoutMs,
    ownsStore
  });
}
