import { describe, expect, it } from 'vitest';
import { inProcess, ValidationError, type Executor, type HandlerContext } from '../../src/index.ts';
import { settled, startFleet } from '../harness.ts';

const gpu = { tags: ['gpu'], workers: 1 };

describe('a task with tags', () => {
  it('runs on a worker that has them all, and one without tags on any', async () => {
    const { fleet, ran } = await recordingFleet({
      maxConcurrentWorkers: 3,
      workerGroups: [{ tags: ['eu', 'gpu'], workers: 1 }, gpu]
    });
    await fleet.submitBatch([task('plain'), task('gpu', ['gpu']), task('both', ['gpu', 'eu'])], {
      batchId: 'b'
    });
    await fleet.waitForBatch('b');

    expect(ran).toEqual({ 'b/plain': 'worker-3', 'b/gpu': 'worker-2', 'b/both': 'worker-1' });
  });

  it('waits where no worker has them, in nobody’s way, and can be seen to', async () => {
    const { fleet, ran } = await recordingFleet({ maxConcurrentWorkers: 1 });
    await fleet.submitBatch([task('x', ['gpu'], 100), task('y', ['gpu', 'eu'], 100)], { batchId: 'b' });
    await fleet.submit('work', null, { id: 'low', priority: 0 });

    expect(ran).toEqual({ low: 'worker-1' });
    expect(await fleet.getStats()).toMatchObject({ unroutableTasks: 2, queuedTasks: 2 });
    await fleet.updateConfig({ workerGroups: [gpu] });
    await settled();
    expect(ran).toEqual({ low: 'worker-1', 'b/x': 'worker-1' });
    expect(await fleet.getStats()).toMatchObject({ unroutableTasks: 1 });
    await fleet.cancelBatch('b');
    expect(await fleet.getStats()).toMatchObject({ unroutableTasks: 0 });
  });

  it('keeps them over a restart, is given back with them, and hands them on to its copy', async () => {
    const first = await recordingFleet({ maxConcurrentWorkers: 1 });
    await first.fleet.submitAsync('work', null, { id: 'x', tags: ['gpu', 'eu'] });
    await first.crash();
    const { fleet } = await first.restart();
    await settled();

    expect(await fleet.getTask('x')).toMatchObject({ status: 'queued', tags: ['eu', 'gpu'] });
    expect(await fleet.getStats()).toMatchObject({ unroutableTasks: 1 });
    await fleet.cancelTask('x');
    const copy = await fleet.retryTask('x');
    expect(await fleet.getTask(copy)).toMatchObject({ tags: ['eu', 'gpu'] });
    await fleet.submitAsync('work', null, { id: 'untagged' });
    expect(await fleet.getTask('untagged')).not.toHaveProperty('tags');
  });

  it('hands them on to its copy in a batch that is retried', async () => {
    const { fleet } = await recordingFleet({ maxConcurrentWorkers: 1 });
    const batchId = await fleet.submitBatch([task('x', ['gpu', 'eu']), task('y', ['gpu'])]);
    await fleet.cancelBatch(batchId);
    const retried = await fleet.retryBatch(batchId);

    const copies = await fleet.listTasks({ batchId: retried });
    expect(copies.map(({ id, tags }) => [id, tags])).toEqual([
      ['x', ['eu', 'gpu']],
      ['y', ['gpu']]
    ]);
  });

  it('is the same task with its tags in another order, and another one with other tags', async () => {
    const { fleet } = await recordingFleet({});
    await fleet.submitAsync('work', null, { id: 'x', tags: ['a', 'b'] });
    await fleet.submitAsync('work', null, { id: 'x', tags: ['b', 'a'] });
    await expect(fleet.submitAsync('work', null, { id: 'x', tags: ['a'] })).rejects.toMatchObject({
      code: 'ERR_CONFLICT'
    });
  });

  it.each<[what: string, tags: unknown, argument: string]>([
    ['no array', 'gpu', 'options.tags'],
    ['null', null, 'options.tags'],
    ['too many', Array.from({ length: 17 }, (_, index) => `t${index}`), 'options.tags'],
    ['an empty one', ['a', ''], 'options.tags[1]'],
    ['one twice', ['a', 'b', 'a'], 'options.tags[2]'],
    ['one that is too long', ['x'.repeat(65)], 'options.tags[0]'],
    ['a number', [1], 'options.tags[0]'],
    ['a hole', Array.from({ length: 1 }), 'options.tags[0]'],
    ['a line end', ['a\nb'], 'options.tags[0]']
  ])('is refused with %s', async (_, tags, argument) => {
    const { fleet } = await recordingFleet({});
    const submission = fleet.submitAsync('work', null, { id: 'x', tags: tags as string[] });
    await expect(submission).rejects.toMatchObject({ code: 'ERR_VALIDATION', argument });
    await expect(submission).rejects.toBeInstanceOf(ValidationError);
  });
});

describe('workers with tags', () => {
  it('take what anybody can do only when no other worker is free', async () => {
    const { fleet, ran, release } = await recordingFleet(
      { maxConcurrentWorkers: 2, workerGroups: [gpu] },
      true
    );
    await fleet.submitAsync('work', null, { id: 'a' });
    await fleet.submitAsync('work', null, { id: 'b' });
    await settled();
    expect(ran).toEqual({ a: 'worker-2', b: 'worker-1' });
    await release();
  });

  it('are fewer where the fleet is smaller than its groups', async () => {
    const { fleet, ran, release } = await recordingFleet(
      {
        maxConcurrentWorkers: 2,
        workerGroups: [gpu, { tags: ['eu'], workers: 5 }, { tags: ['ssd'], workers: 1 }]
      },
      true
    );
    await fleet.submitBatch([task('eu1', ['eu']), task('ssd', ['ssd']), task('eu2', ['eu'])], {
      batchId: 'b'
    });
    await settled();
    expect(ran).toEqual({ 'b/eu1': 'worker-2' });
    await fleet.scaleWorkers(7);
    await settled();
    expect(ran).toEqual({ 'b/eu1': 'worker-2', 'b/eu2': 'worker-3', 'b/ssd': 'worker-7' });
    await release();
  });

  it('offer what their executor says besides what their slot does', async () => {
    const { fleet, ran } = await recordingFleet(
      { maxConcurrentWorkers: 2, workerGroups: [gpu] },
      false,
      (workerId) => Promise.resolve(workerId === 'worker-1' ? { tags: ['eu'] } : undefined)
    );
    await fleet.submit('work', null, { id: 'x', tags: ['eu', 'gpu'] });
    expect(ran).toEqual({ x: 'worker-1' });
  });

  it('are tried again where the executor says nonsense', async () => {
    const answers: unknown[] = [{ tags: ['a', 'a'] }, { tags: ['a'] }];
    const { fleet, clock, ran } = await recordingFleet({ maxConcurrentWorkers: 1 }, false, () =>
      Promise.resolve(answers.shift() as { tags: string[] })
    );
    const done = fleet.submit('work', null, { id: 'x', tags: ['a'] });
    await clock.advance(1_000);
    await done;
    expect(ran).toEqual({ x: 'worker-1.2' });
  });
});

/** A fleet that notes which worker ran what, by key. */
async function recordingFleet(
  config: NonNullable<Parameters<typeof startFleet>[0]['config']>,
  isHeld = false,
  startWorker?: Executor['startWorker']
) {
  const ran: Record<string, string> = {};
  const held: (() => void)[] = [];
  const work = (_: null, { key, workerId }: HandlerContext): Promise<void> | undefined => {
    ran[key] = workerId;
    return isHeld ? new Promise((resolve) => held.push(resolve)) : undefined;
  };
  const executor = Object.assign(inProcess({ work }), startWorker && { startWorker });
  const started = await startFleet<{ work: typeof work }>({ executor, config });
  await settled();
  const release = async (): Promise<void> => {
    for (const open of held.splice(0)) open();
    await settled();
  };
  return { ...started, ran, release };
}

function task(id: string, tags?: readonly string[], priority = 5) {
  return { id, type: 'work' as const, data: null, priority, ...(tags && { tags }) };
}
