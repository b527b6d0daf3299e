import { autoscalerMachine } from '../../machines/autoscalerMachine.ts';
import { coordinatorMachine } from '../../machines/coordinatorMachine.ts';
import { fleetMachine } from '../../machines/fleetMachine.ts';
import type { Json } from '../../machines/task.ts';
import { workerMachine } from '../../machines/workerMachine.ts';
import { statisticsAgent } from '../coordinator/resultStatistics.ts';
import { CorruptStoreError, StoreVersionError } from '../errors.ts';
import type { StoredAgent } from '../store.ts';

/** Makes the snapshot of the next version from one of a version. Pure: it gets a copy, and the store keeps its own. */
export type SnapshotMigration = (snapshot: Json) => Json;

/**
 * By machine: the first leads from version 1 to 2, and so on. Append one when what is persisted of a machine
 * changes. No snapshot of an earlier version was ever shipped.
 */
export type SnapshotMigrations = Readonly<Record<string, readonly SnapshotMigration[]>>;

export const agentMigrations: SnapshotMigrations = {
  [fleetMachine.id]: [],
  [coordinatorMachine.id]: [],
  [autoscalerMachine.id]: [],
  [workerMachine.id]: [],
  [statisticsAgent]: []
};

/** The version in which snapshots of a machine are written. */
export function snapshotVersionOf(machine: string, migrations: SnapshotMigrations = agentMigrations): number {
  return (migrations[machine]?.length ?? 0) + 1;
}

/**
 * A copy of an agent's snapshot in the version of today. The store keeps the original until a commit replaces it.
 *
 * @throws {StoreVersionError} when a later version wrote it. @throws {CorruptStoreError} when it cannot be migrated.
 */
export function migratedSnapshot(
  location: string,
  { id, machine, schemaVersion, snapshot }: StoredAgent,
  migrations: SnapshotMigrations
): Json {
  const steps = Object.hasOwn(migrations, machine) ? migrations[machine] : undefined;
  if (steps === undefined) {
    throw new CorruptStoreError(location, `agent ${id} is of the unknown machine ${JSON.stringify(machine)}`);
  }
  const today = snapshotVersionOf(machine, migrations);
  if (!Number.isInteger(schemaVersion) || schemaVersion < 1) {
    throw new CorruptStoreError(location, `the snapshot of agent ${id} has the version ${schemaVersion}`);
  }
  if (schemaVersion > today) throw new StoreVersionError(location, schemaVersion, today, `agent ${id}`);
  let migrated = structuredClone(snapshot);
  try {
    for (const step of steps.slice(schemaVersion - 1)) migrated = step(migrated);
  } catch (error) {
    const reason = `the snapshot of agent ${id} cannot be brought from version ${schemaVersion} to ${today}`;
    throw new CorruptStoreError(location, reason, { cause: error });
  }
  return migrated;
}
