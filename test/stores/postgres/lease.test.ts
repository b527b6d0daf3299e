import { describe, expect, it, onTestFinished } from 'vitest';
import type { FencedError } from '../../../src/errors.ts';
import { Lease, type LeaseOptions } from '../../../src/stores/postgres/lease.ts';

function leaseOf(renew: LeaseOptions['renew']): Lease {
  const lease = new Lease({
    scope: 'fleet-1',
    holder: 'me',
    number: 1,
    term: 1,
    leaseMs: 30,
    askedAt: performance.now(),
    now: () => performance.now(),
    renew
  });
  onTestFinished(() => lease.end());
  return lease;
}

const lost = (lease: Lease): Promise<FencedError> =>
  new Promise((resolve) => {
    lease.watch(resolve);
  });

describe('a lease', () => {
  it('may be somebody else’s when no renewal succeeds in time', async () => {
    const lease = leaseOf(() => Promise.reject(new Error('the server is gone')));

    expect(await lost(lease)).toMatchObject({ code: 'ERR_FENCED', fleet: 'fleet-1' });
  });

  it('is lost when a renewal finds another holder', async () => {
    const error = await lost(leaseOf(async () => false));

    expect(error.message).toContain('another process has taken it over');
  });

  it('that was lost before it is watched is told of all the same, and not after the watch was released', async () => {
    const lease = leaseOf(async () => true);
    lease.lose('somebody has it');
    const told: FencedError[] = [];
    lease.watch((error) => told.push(error))[Symbol.dispose]();

    expect((await lost(lease)).message).toContain('somebody has it');
    expect(told).toEqual([]);
  });
});
