import { managerOptionNames, type FleetManagerOptions } from '../fleet/managerOptions.ts';
import type { FleetManager } from '../fleetManager.ts';
import type { FleetTelemetry } from '../fleetTelemetry.ts';
import type { Handlers } from '../handlers/handler.ts';
import type { Store } from '../store.ts';
import { assertStore } from '../validation/ports.ts';
import { assertId, assertObject, assertText, readOptions, refuse } from '../validation/validation.ts';

/** Which fleets the hosts run. Every host has the same, and its own copy of the handlers. */
export interface HostConfig {
  /** Where all of the fleets are: `postgres://…`, or a store with leases, which stays the caller's to close. */
  readonly store: string | Store;
  /** Tells these hosts from others that share another set of fleets in the same store. Defaults to `default`. */
  readonly group?: string;
  /** By name. At least one. */
  readonly fleets: Readonly<Record<string, HostedFleet>>;
}

/** A fleet's options, or what makes it, such as a subclass: called whenever this host is to run it. */
export type HostedFleet =
  HostedFleetOptions | ((place: FleetPlace) => HostableFleet | Promise<HostableFleet>);

/** The options of a fleet, but for those that are the host's. */
export interface HostedFleetOptions extends Omit<
  FleetManagerOptions,
  'name' | 'store' | 'standby' | 'handlers'
> {
  /** By task type; or the path or URL of a module that exports them, which is imported when the fleet is to run here. */
  readonly handlers?: Handlers | string | URL;
}

/** What a fleet that is made for a host has to be made with: `new MyFleet({ ...place, handlers })`. */
export interface FleetPlace {
  readonly name: string;
  readonly store: Store;
  /** Absent: the host measures nothing. */
  readonly telemetry?: FleetTelemetry;
}

/** What a host needs of a fleet. */
export type HostableFleet = Pick<FleetManager, 'start' | 'stop' | 'on'>;

/** Names of scopes that are no fleets: the seats of hosts. */
export const seatPrefix = 'hosts/';

const leasedStore = 'a store whose fleets are leased one by one, such as postgres://…';

/** The config with its defaults; all but what only a fleet can say of its own options is looked at. @throws {ValidationError} */
export function readHostConfig(config: HostConfig): Required<HostConfig> {
  const { store, group = 'default', fleets } = readOptions('config', config, ['store', 'group', 'fleets']);
  assertId('config.group', group);
  assertObject('config.fleets', fleets);
  const names = Object.keys(fleets);
  if (names.length === 0) refuse('config.fleets', fleets, 'an object with at least one fleet');
  for (const name of names) assertFleet(`config.fleets[${JSON.stringify(name)}]`, name, fleets[name]!);
  if (typeof store === 'string') assertText('config.store', store);
  else assertLeases('config.store', store);
  return { store, group, fleets };
}

/** A store whose owners have no leases is owned whole, by one process. @throws {ValidationError} */
export function assertLeases(argument: string, store: unknown): asserts store is Store {
  if (typeof store !== 'object' || store === null) refuse(argument, store, leasedStore);
  assertStore(argument, store);
  if (store.watchOwnership !== undefined) return;
  refuse(
    argument,
    store.location,
    `${leasedStore}: one process owns all of any other store. There, run a FleetManager with standby on each machine`
  );
}

function assertFleet(argument: string, name: string, fleet: unknown): void {
  assertId(`the name of ${argument}`, name);
  if (name.startsWith(seatPrefix)) {
    refuse(`the name of ${argument}`, name, `one that does not begin with ${seatPrefix}, which hosts use`);
  }
  if (typeof fleet === 'function') return;
  assertObject(argument, fleet);
  readOptions(argument, fleet, hostedOptionNames);
  const { handlers } = fleet as HostedFleetOptions;
  if (handlers === undefined || handlers instanceof URL) return;
  if (typeof handlers === 'object') assertObject(`${argument}.handlers`, handlers);
  else assertText(`${argument}.handlers`, handlers);
}

const ofTheHost = new Set<string>(['name', 'store', 'standby']);
const hostedOptionNames = managerOptionNames.filter((name) => !ofTheHost.has(name));
