import { statSync } from 'node:fs';
import { DatabaseSync } from '@photostructure/sqlite';
import { describe, expect, it } from 'vitest';
import { encodeCommit } from '../../../src/stores/sqlite/encodedCommit.ts';
import { StoreDriver } from '../../../src/stores/sqlite/storeDriver.ts';
import { temporaryPath } from '../directory.ts';
import { commitOf, payloadOf, range, resultOf, taskOf } from '../rows.ts';

const fleet = 'fleet-1';
const mebibyte = 2 ** 20;
/** What the log may have when nobody else looks at it: what is written back at once, and a commit. */
const calmBytes = 20 * mebibyte;
/** What is left of its file after it had to grow. */
const keptBytes = 64 * mebibyte;

describe('the log of a store', () => {
  it('stays within bounds while our own readers read', () => {
    const { driver, path, commitMebibytes } = openDriver();
    const reader = openDriver(path).driver;
    let largest = 0;
    for (let count = 0; count < 60; count += 1) {
      commitMebibytes(1);
      reader.listTasks(fleet, { limit: 10 });
      reader.results(fleet, { limit: 10 });
      largest = Math.max(largest, logBytes(path));
    }
    expect(largest).toBeGreaterThan(mebibyte);
    expect(largest).toBeLessThan(calmBytes);
    reader.close();
    driver.close();
  });

  it('grows while another program holds a transaction open, and shrinks when that has ended', () => {
    const { driver, path, commitMebibytes } = openDriver();
    commitMebibytes(1);
    const dashboard = new DatabaseSync(path);
    dashboard.exec('BEGIN; SELECT count(*) FROM tasks');
    commitMebibytes(80);
    expect(logBytes(path)).toBeGreaterThan(80 * mebibyte);

    dashboard.exec('COMMIT');
    dashboard.close();
    // The first is written back with all that waited, the second begins the log anew.
    commitMebibytes(1);
    commitMebibytes(1);

    expect(logBytes(path)).toBeLessThanOrEqual(keptBytes);
    driver.close();
  });
});

function openDriver(path = temporaryPath()) {
  const driver = new StoreDriver(
    { path, durability: 'none', busyTimeoutMs: 0 },
    (location, options) => new DatabaseSync(location, options),
    () => undefined
  );
  let turn = 0;
  const commitMebibytes = (count: number): void => {
    for (const _ of range(1, count)) {
      turn += 1;
      const task = {
        ...taskOf(turn),
        payload: payloadOf(JSON.stringify('x'.repeat(mebibyte)))
      };
      driver.commit(encodeCommit(commitOf(fleet, turn, { newTasks: [task], results: [resultOf(turn)] })));
    }
  };
  if (driver.owner(fleet) === null) driver.open(fleet, 'me');
  return { driver, path, commitMebibytes };
}

function logBytes(path: string): number {
  return statSync(`${path}-wal`).size;
}
