import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { LockedError, memoryStore } from '../../src/index.ts';
import { Ownership } from '../../src/journal/ownership.ts';
import { settled, SimulatedClock } from '../harness.ts';

it('leaves nothing behind on the signal, however often the store is looked at in vain', async () => {
  const clock = new SimulatedClock();
  const store = memoryStore();
  let looks = 0;
  store.open = async () => {
    looks += 1;
    throw new LockedError('here', 'another one', 1_000);
  };
  const tell = (): void => {};
  const ownership = new Ownership({
    scope: 'test',
    owner: 'me',
    store,
    clock,
    random: () => 0,
    onLost: tell,
    tell
  });
  const controller = new AbortController();
  const { signal } = controller;
  const standing = ownership.standBy(signal);
  await settled();
  for (let tries = 0; tries < 20; tries++) await clock.advance(1_000);

  expect(looks).toBeGreaterThan(10);
  expect(getEventListeners(signal, 'abort').length).toBeLessThanOrEqual(1);

  controller.abort();
  await expect(standing).rejects.toMatchObject({ code: 'ERR_NOT_RUNNING' });
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});
