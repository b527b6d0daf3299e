import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fairShare, preferredFleets } from '../../machines/spread.ts';
import { Hosts, idleFleet, idleFleets, type HostProcess } from './hosts.ts';

const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `f${n}`);

/** Counts of the hosts that live, in rising order. */
function countsOf(hosts: Hosts): number[] {
  return hosts.living.map((host) => host.running().length).sort((left, right) => left - right);
}

function ownersOf(hosts: Hosts): string[] {
  return hosts.living.flatMap((host) => host.running()).sort();
}

const handOvers = ({ facts }: HostProcess): number =>
  facts.filter((fact) => fact.type === 'fleet.changed' && fact.state === 'handingOver').length;

describe('the share of a host', () => {
  it('adds up to all fleets over all hosts, and is the same give or take one', () => {
    fc.assert(
      fc.property(
        fc.nat(50),
        fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
        (count, seats) => {
          const hosts = seats.sort((left, right) => left - right);
          const shares = hosts.map((seat) => fairShare({ fleets: names(count), hosts, seat }));
          expect(shares.reduce((sum, share) => sum + share, 0)).toBe(count);
          expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
        }
      )
    );
  });

  it('is reached for from another end by each host', () => {
    const spread = { fleets: names(6), hosts: [1, 4, 5] };
    expect(spread.hosts.map((seat) => preferredFleets({ ...spread, seat })[0])).toEqual(['f0', 'f2', 'f4']);
  });
});

describe('hosts of many fleets', () => {
  it('that start together share them, and hand nothing over', async () => {
    const hosts = new Hosts();
    for (let n = 0; n < 3; n++) await hosts.join(idleFleets(10));
    await hosts.advance(20_000);
    expect(countsOf(hosts)).toEqual([3, 3, 4]);
    expect(hosts.all.map(handOvers)).toEqual([0, 0, 0]);
    await hosts.stopAll();
  });

  it('hand over to one that comes later, one fleet at a time, until each has its share, and then rest', async () => {
    const hosts = new Hosts();
    const first = await hosts.join(idleFleets(4));
    await hosts.advance(5_000);
    expect(countsOf(hosts)).toEqual([4]);
    await hosts.join(idleFleets(4));
    await hosts.advance(40_000);
    expect(countsOf(hosts)).toEqual([2, 2]);
    expect(handOvers(first)).toBe(2);
    const told = hosts.all.map(({ facts }) => facts.length);
    await hosts.advance(60_000);
    expect(hosts.all.map(({ facts }) => facts.length)).toEqual(told);
    await hosts.stopAll();
  });

  it('take over what one leaves that dies, evenly, within the lease and three looks', async () => {
    const hosts = new Hosts();
    for (let n = 0; n < 3; n++) await hosts.join(idleFleets(10));
    await hosts.advance(10_000);
    hosts.all[0]!.kill();
    await hosts.advance(3_000 + 3 * 1_250);
    expect(countsOf(hosts)).toEqual([5, 5]);
    expect(ownersOf(hosts)).toEqual(names(10));
    await hosts.stopAll();
  });

  it('count one that was paused as gone; when it goes on it loses what it ran, and gets its share again', async () => {
    const hosts = new Hosts();
    const paused = await hosts.join(idleFleets(4));
    await hosts.join(idleFleets(4));
    await hosts.advance(10_000);
    paused.pause();
    await hosts.advance(10_000);
    expect(countsOf(hosts)).toEqual([4]);
    paused.resume();
    await hosts.advance(60_000);
    expect(countsOf(hosts)).toEqual([2, 2]);
    expect(ownersOf(hosts)).toEqual(names(4));
    expect(paused.facts).toContainEqual(expect.objectContaining({ type: 'fleet.changed', state: 'ending' }));
    await hosts.stopAll();
  });

  it('leave what cannot be started on one of them to the others, beyond their share, and do not pass it to and fro', async () => {
    const broken = (): never => {
      throw new Error('no such handler');
    };
    const hosts = new Hosts();
    const unable = await hosts.join({ a: broken, b: broken });
    const able = await hosts.join({ a: idleFleet, b: idleFleet });
    await hosts.advance(60_000);
    expect(able.running()).toEqual(['a', 'b']);
    expect(unable.facts).toContainEqual({
      type: 'fleet.changed',
      fleet: 'a',
      state: 'failed',
      problem: 'no such handler'
    });
    const before = handOvers(able);
    await hosts.advance(600_000, 1_000);
    // Each time that it was in vain it waits four times as long for the next one.
    expect(handOvers(able) - before).toBeLessThan(4);
    await hosts.stopAll();
  });

  it('end with every fleet on one of them, and each with its share, whoever came, died, was paused or left in any order', async () => {
    const step = fc.oneof(
      fc.record({ type: fc.constant('join' as const) }),
      fc.record({
        type: fc.constantFrom('kill' as const, 'pause' as const, 'resume' as const, 'stop' as const),
        which: fc.nat(5)
      }),
      fc.record({ type: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 12 }) })
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 12 }),
        fc.integer({ min: 1, max: 7 }),
        fc.infiniteStream(fc.double({ min: 0, max: 0.99, noNaN: true })),
        async (steps, count, chances) => {
          const hosts = new Hosts(() => chances.next().value as number);
          await hosts.join(idleFleets(count));
          for (const step of steps) {
            const of = 'which' in step ? hosts.all[step.which % hosts.all.length]! : null;
            if (step.type === 'join') await hosts.join(idleFleets(count));
            else if (step.type === 'wait') await hosts.advance(step.seconds * 1_000);
            else if (of?.isAlive !== true) continue;
            else if (step.type === 'kill') of.kill();
            else if (step.type === 'pause') of.pause();
            else if (step.type === 'resume') of.resume();
            else if (!of.isPaused) await of.stop();
          }
          for (const host of hosts.all) host.resume();
          if (hosts.living.length === 0) await hosts.join(idleFleets(count));
          await hosts.advance(120_000);
          expect(ownersOf(hosts)).toEqual(names(count));
          const counts = countsOf(hosts);
          expect(counts.at(-1)! - counts[0]!).toBeLessThanOrEqual(1);
          await hosts.stopAll();
        }
      ),
      { numRuns: 25 }
    );
  });
});
