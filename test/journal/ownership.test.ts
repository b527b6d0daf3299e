import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { LockedError, memoryStore, NotRunningError, type Store } from '../../src/index.ts';
import { Ownership } from '../../src/journal/ownership.ts';
import { settled, SimulatedClock } from '../harness.ts';

/** Whoever stands by for a fleet that another one owns. */
function standingBy() {
  const clock = new SimulatedClock();
  let opened = 0;
  const store: Store = {
    ...memoryStore(),
    open: () => {
      opened += 1;
      return Promise.reject(new LockedError('x', 'somebody', 100));
    }
  };
  const leaving = new AbortController();
  const ownership = new Ownership({
    scope: 'test',
    owner: 'me',
    store,
    clock,
    random: () => 0,
    onLost: () => {},
    tell: () => {}
  });
  const ended = ownership.standBy(leaving.signal).catch((error: unknown) => error);
  return { clock, leaving, ended, opened: () => opened };
}

describe('whoever stands by', () => {
  it('keeps nothing of the looks that are over', async () => {
    const { clock, leaving, ended, opened } = standingBy();
    await settled();
    for (let looks = 1; looks <= 50; looks++) {
      expect(opened()).toBe(looks);
      expect(getEventListeners(leaving.signal, 'abort').length).toBeLessThanOrEqual(1);
      await clock.advance(100);
    }
    leaving.abort();
    expect(await ended).toBeInstanceOf(NotRunningError);
    expect(clock.pending).toBe(0);
  });

  it('does not look once more when it is stopped', async () => {
    const { leaving, ended, opened } = standingBy();
    await settled();
    leaving.abort();
    await ended;
    expect(opened()).toBe(1);
  });
});
