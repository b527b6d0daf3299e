import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { sqliteReader, sqliteStore } from '../../../src/stores/sqlite.ts';
import { cancel } from '../contract.ts';
import { temporaryPath } from '../directory.ts';
import { commitOf, taskOf } from '../rows.ts';
import { startOwner } from './process.ts';

describe('the owner of a file', () => {
  it('is named to a second process, which is refused at once', async () => {
    const path = temporaryPath();
    await startOwner(path, 'the night shift');
    const store = sqliteStore(path);

    await expect(store.open('fleet-2', 'me')).rejects.toMatchObject({
      code: 'ERR_LOCKED',
      path,
      owner: expect.stringMatching(/^the night shift on .+, since 20/) as string
    });
    await store.close();
  });

  it('does not hinder those who read and leave commands', async () => {
    const path = temporaryPath();
    const owner = await startOwner(path, 'the night shift');
    const reader = sqliteReader(path);

    expect(await reader.readOwner('fleet-1')).toMatch(/^the night shift on /);

    expect(await reader.listTasks('fleet-1', { limit: 9 })).toEqual([taskOf(1)]);
    await reader.sendCommand('fleet-1', cancel('c1'));
    expect(await reader.readReply('fleet-1', 'c1')).toBeNull();
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    expect(await reader.readOwner('fleet-1')).toBeNull();
    await reader.close();
  });

  it('is followed by the next one when it was killed, without waiting and without loss', async () => {
    const path = temporaryPath();
    const owner = await startOwner(path, 'the night shift');
    const store = sqliteStore(path);
    await expect(store.open('fleet-1', 'me')).rejects.toMatchObject({ code: 'ERR_LOCKED' });
    owner.kill('SIGKILL');
    await once(owner, 'exit');

    const { head } = await store.open('fleet-1', 'me');

    expect(head).toMatchObject({ turn: 1 });
    expect(await store.listTasks('fleet-1', { limit: 9 })).toEqual([taskOf(1)]);
    await store.commit(commitOf('fleet-1', 2));
    await store.close();
  });
});
