import { describe, expect, it, vi } from 'vitest';
import { CoordinatorAgent, TaskQueue, type ResultEntry } from 'xstate-fleet';
import { script, SimulatedClock, testFleet } from 'xstate-fleet/testing';

const hourMs = 3_600_000;
const start = Date.UTC(2026, 0, 1);
const tasks = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: `t${index}`, type: 'work' as const, data: index }));

describe('a test of', () => {
  it('a limit of a rate sees when each attempt starts', async () => {
    const rate = { limit: 2, intervalMs: 60_000 };
    await using fleet = await testFleet({
      handlers: { work: script.succeed('done') },
      config: { typeLimits: { work: { rate } } }
    });
    await fleet.manager.submitBatch(tasks(6));
    await fleet.settle();
    const minutes = tasks(6).map(({ id }) => (fleet.attempts(id)[0]!.startedAt - start) / 60_000);
    expect(minutes).toEqual([0, 0, 1, 1, 2, 2]);
  });

  it('a time of day sees a night without it, when the clocks are set forward', async () => {
    const work = script.succeed('done');
    await using fleet = await testFleet({ handlers: { work }, now: Date.UTC(2026, 2, 28) });
    const timing = { cron: '30 2 * * *', timeZone: 'Europe/Zurich' };
    await fleet.manager.schedule('nightly', timing, { type: 'work', data: null });
    await fleet.advance(72 * hourMs);
    expect(work.calls.map(({ taskId }) => taskId)).toEqual([
      'nightly@2026-03-28T01:30:00.000Z',
      'nightly@2026-03-29T01:00:00.000Z',
      'nightly@2026-03-30T00:30:00.000Z'
    ]);
  });

  it('autoscaling sees it follow a wave, and rest', async () => {
    await using fleet = await testFleet({
      handlers: { work: script.after(60_000, script.succeed('done')) },
      config: { autoscale: { minWorkers: 1, maxWorkers: 8 } }
    });
    await fleet.manager.submitBatch(tasks(100));
    await fleet.settle();
    await fleet.advance(hourMs);
    const counts = fleet.events.flatMap((fact) => (fact.type === 'workers.scaled' ? [fact.to] : []));
    expect([Math.max(...counts), counts.at(-1)]).toEqual([8, 1]);
  });

  it('a chain sees what a failure in its middle leaves undone', async () => {
    const work = script.byTask({ b: script.fail('no', { retryable: false }) }, script.succeed('done'));
    await using fleet = await testFleet({ handlers: { work } });
    await fleet.manager.submitBatch([
      { id: 'a', type: 'work', data: null },
      { id: 'b', type: 'work', data: null, dependsOn: ['a'] },
      { id: 'c', type: 'work', data: null, dependsOn: ['b'] }
    ]);
    await fleet.settle();
    const states = await Promise.all(['a', 'b', 'c'].map((id) => fleet.state(id)));
    expect(states).toEqual(['completed', 'failed', 'cancelled']);
    expect(fleet.attempts('c')).toEqual([]);
  });

  it('a handler that ignores its abort sees it given up after its grace', async () => {
    const work = script.hang({ ignoresAbort: true });
    await using fleet = await testFleet({ handlers: { work }, config: { cancelGraceMs: 5_000 } });
    await fleet.manager.submitAsync('work', null, { id: 'a' });
    await fleet.runUntil(() => work.calls.length === 1);
    expect(await fleet.run(fleet.manager.cancelTask('a'))).toBe(true);
    expect(await fleet.state('a')).toBe('cancelling');
    await fleet.settle();
    expect(fleet.attempts('a')).toMatchObject([{ status: 'cancelled', endedAt: start + 5_000 }]);
    expect(work.calls[0]!.isAborted).toBe(true);
  });

  it('an idempotency key sees one charge, with a crash between two requests', async () => {
    const charge = script.succeed('receipt');
    await using fleet = await testFleet({ handlers: { charge } });
    const ask = () => fleet.manager.submitAsync('charge', 500, { idempotencyKey: 'order 7' });
    const first = await ask();
    await fleet.crash({ at: 'afterCommit', state: 'completed' });
    await fleet.restart();
    expect((await ask()).key).toBe(first.key);
    await fleet.settle();
    expect(charge.calls).toHaveLength(1);
  });

  it('a coordinator of its own class sees each result', async () => {
    const seen: string[] = [];
    class Ledger extends CoordinatorAgent<string> {
      protected override onResult({ result }: ResultEntry<string>): void {
        seen.push(result.taskId);
      }
    }
    await using fleet = await testFleet({
      handlers: { work: script.succeed('done') },
      coordinator: (options) => new Ledger(options)
    });
    await fleet.manager.submitBatch(tasks(3), { batchId: 'b' });
    await fleet.settle();
    expect(seen).toHaveLength(3);
  });

  it('results sees them streamed while time passes', async () => {
    await using fleet = await testFleet({ handlers: { work: script.after(1_000, script.succeed('done')) } });
    const batchId = await fleet.manager.submitBatch(tasks(3), { batchId: 'b' });
    const keys: string[] = [];
    const read = async (): Promise<void> => {
      for await (const { key } of fleet.manager.streamBatchResults(batchId)) keys.push(key);
    };
    await fleet.run(read());
    expect(keys).toEqual(['b/t0', 'b/t1', 'b/t2']);
  });

  it('a handler with a mock of fetch runs as it is', async () => {
    vi.stubGlobal('fetch', async () => new Response('{"ok":true}'));
    const get = async (url: string) => (await (await fetch(url)).json()) as { ok: boolean };
    await using fleet = await testFleet({ handlers: { get }, config: { workerTimeout: 1_000 } });
    expect(await fleet.run(fleet.manager.submit('get', 'https://example.org'))).toEqual({ ok: true });
  });

  it('a queue without a fleet sees a lease end', async () => {
    const clock = new SimulatedClock();
    const queue = new TaskQueue({ clock, leaseMs: 1_000 });
    await queue.start();
    await queue.enqueue('work', null, { id: 'a' });
    expect(await queue.dequeue('first')).toMatchObject({ id: 'a' });
    await clock.advance(60_000);
    expect(await queue.dequeue('second')).toMatchObject({ id: 'a' });
    await queue.stop({ graceful: false });
    expect(clock.pending).toBe(0);
  });
});
