import { describe, expect, it } from 'vitest';
import { sqliteStore } from 'xstate-fleet/sqlite';
import { script, testFleet } from 'xstate-fleet/testing';
import { temporaryPath } from '../stores/directory.ts';

describe('a test fleet in a SQLite file', () => {
  it('crashes, recovers and settles as one in memory does', async () => {
    const store = sqliteStore(temporaryPath());
    const work = script.sequence(script.fail('no'), script.after(60_000, script.succeed('done')));
    {
      await using fleet = await testFleet({ handlers: { work }, store });
      await fleet.manager.submitBatch([{ id: 'a', type: 'work', data: null }], { batchId: 'b' });
      await fleet.crash({ at: 'afterCommit', state: 'running' });
      await fleet.restart();
      await fleet.crash({ at: 'beforeCommit', state: 'completed' });
      expect(await fleet.state('a')).toBe('running');
    }
    await using fleet = await testFleet({ handlers: { work }, store, now: Date.UTC(2026, 0, 2) });
    await fleet.settle();
    expect(await fleet.state('b/a')).toBe('completed');
    await fleet.stop();
    await store.close();
  });
});
