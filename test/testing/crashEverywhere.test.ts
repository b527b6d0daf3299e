import { describe, expect, it } from 'vitest';
import { memoryStore } from 'xstate-fleet';
import { BrokenByCrashError, CrashedError, crashEverywhere, script, testFleet } from 'xstate-fleet/testing';

const order = [
  { id: 'charge', type: 'work' as const, data: 500 },
  { id: 'ship', type: 'work' as const, data: 'box', dependsOn: ['charge'] }
];

describe('crashEverywhere', () => {
  it('crashes at each commit of a life, on both sides of it, submission included', async () => {
    const lives: { turns: number; attempts: number }[] = [];
    const crashes = await crashEverywhere(
      () => testFleet({ handlers: { work: script.after(10, script.succeed('done')) } }),
      async (fleet) => {
        const before = fleet.turn;
        await fleet.manager.submitBatch(order, { batchId: 'order' });
        await fleet.settle();
        const { status, completedTasks } = await fleet.manager.getBatchStatus('order');
        expect({ status, completedTasks }).toEqual({ status: 'completed', completedTasks: 2 });
        const attempts = order.flatMap(({ id }) => fleet.attempts(id));
        lives.push({ turns: fleet.turn - before, attempts: attempts.length });
      }
    );

    const undisturbed = lives.at(-1)!;
    expect(undisturbed.attempts).toBe(2);
    expect(crashes).toBe(2 * undisturbed.turns);
    // A crash between the work and the commit of its end has it done again.
    expect(Math.max(...lives.map(({ attempts }) => attempts))).toBe(3);
  });

  it('names the crash after which a life ends otherwise', async () => {
    let charged = 0;
    const charge = [{ id: 'charge', type: 'charge' as const, data: 500 }];
    const handlers = { charge: script.call((_cents: number) => ++charged) };
    const lived = crashEverywhere(
      async () => {
        charged = 0;
        return testFleet({ handlers });
      },
      async (fleet) => {
        await fleet.manager.submitBatch(charge, { batchId: 'order' });
        await fleet.settle();
        expect(charged).toBe(1);
      }
    );
    const found = await lived.catch((error: unknown) => error);

    expect(found).toBeInstanceOf(BrokenByCrashError);
    const { at, turn, message, cause } = found as BrokenByCrashError;
    expect(at).toBe('beforeCommit');
    expect(message).toMatch(/^After a crash at \{ at: 'beforeCommit', turn: \d+ \}: expected 2 to be 1/);
    expect(cause).toMatchObject({ actual: 2, expected: 1 });

    charged = 0;
    await using fleet = await testFleet({ handlers });
    fleet.crashAt({ at, turn });
    await fleet.manager.submitBatch(charge, { batchId: 'order' });
    await expect(fleet.settle()).rejects.toThrow(CrashedError);
    await fleet.restart();
    await fleet.settle();
    expect(charged).toBe(2);
  });

  it('throws what a life throws without a crash as it is', async () => {
    const failing = crashEverywhere(
      () => testFleet({ handlers: {} }),
      () => Promise.reject(new RangeError('no'))
    );
    await expect(failing).rejects.toThrow(RangeError);
    await expect(crashEverywhere('fleet' as never, async () => {})).rejects.toMatchObject({
      code: 'ERR_VALIDATION',
      argument: 'start'
    });
  });
});

describe('crashAt', () => {
  it('interrupts a recovery, which begins anew', async () => {
    const store = memoryStore();
    const work = script.sequence(script.hang(), script.succeed('done'));
    await using fleet = await testFleet({ store, handlers: { work } });
    await fleet.manager.submitBatch(order.slice(0, 1));
    await fleet.runUntil(() => work.calls.length === 1);
    await fleet.crash();
    const { turn } = fleet;

    for (const at of ['beforeCommit', 'afterCommit'] as const) {
      fleet.crashAt({ at });
      await expect(fleet.restart().then(() => fleet.settle())).rejects.toThrow(CrashedError);
      expect(fleet.hasCrashed).toBe(true);
    }
    expect(fleet.turn).toBe(turn + 1);

    await fleet.restart();
    await fleet.settle();
    expect(fleet.hasCrashed).toBe(false);
    expect(await fleet.state('charge')).toBe('completed');
  });

  it('crashes at the commit that a submission is made by, and refuses it', async () => {
    await using fleet = await testFleet({ handlers: { work: script.succeed('done') } });
    fleet.crashAt({ at: 'beforeCommit', task: 'charge' });

    await expect(fleet.manager.submitBatch(order, { batchId: 'order' })).rejects.toMatchObject({
      code: 'ERR_NOT_RUNNING'
    });
    await fleet.restart();
    await expect(fleet.manager.getBatchStatus('order')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
  });
});
