import { describe, expect, onTestFinished, test } from 'vitest';
import { bullmqExecutor } from '../../src/executors/bullmq.ts';
import { sharedRedis } from '../executors/bullmq/redisServer.ts';
import { attemptOf, RecordedReports } from '../executors/reports.ts';
import { Folder } from './command.ts';

const redis = sharedRedis();
const module = `export const double = ({ n }) => n * 2;
export const hang = (_, { progress }) => { progress('hanging'); return new Promise(() => {}); };
`;

describe('the command worker', () => {
  test('joins a fleet, runs its tasks, and drains when it is interrupted', async ({ skip }) => {
    const { executor, reports, command } = await serving(redis.url(skip), 'drained', [
      '--concurrency',
      '2',
      '--tags',
      'gpu,fast'
    ]);
    const { worker } = await reports.first('joined');
    expect(worker).toMatchObject({ concurrency: 2, tags: ['fast', 'gpu'], types: ['double', 'hang'] });
    executor.dispatch([attemptOf(1, 'double', { n: 21 }, { workerId: worker.workerId })]);
    expect((await reports.first('settled', 1)).outcome).toEqual({ status: 'completed', result: '42' });
    command.kill('SIGTERM');
    await reports.first('left');
    const { code, stdout, stderr } = await command.exit;
    expect([code, stdout]).toEqual([0, '']);
    expect(stderr).toMatch(
      /^Worker \S+ joined fleet drained: 2 at once, tags gpu,fast, types double, hang\.\nWorker \S+ drains: 0 running\. .*\nWorker \S+ has ended\.\n$/
    );
  });

  test('ends at once when it is interrupted twice', async ({ skip }) => {
    const { executor, reports, command } = await serving(redis.url(skip), 'twice');
    const { worker } = await reports.first('joined');
    executor.dispatch([attemptOf(1, 'hang', null, { workerId: worker.workerId })]);
    await reports.first('progress', 1);
    command.kill('SIGTERM');
    await command.printed(/drains: 1 running/);
    command.kill('SIGINT');
    const { code, stderr } = await command.exit;
    expect(code).toBe(130);
    expect(stderr).toContain('Ended at once: 1 running');
  });

  test('says what is wrong before it joins', async () => {
    const folder = new Folder();
    folder.write('h.mjs', module);
    const wrong = await folder.run(['worker', '--redis', 'http://127.0.0.1', '--handlers', 'h.mjs']);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('options.url is another text')]);
    const none = await folder.run(['worker', '--redis', 'redis://127.0.0.1:1', '--handlers', 'none.mjs']);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('none.mjs cannot be read')]);
  });
});

/** The command, and the executor of the fleet that it serves. */
async function serving(url: string, fleet: string, options: readonly string[] = []) {
  const folder = new Folder();
  folder.write('h.mjs', module);
  const command = folder.start([
    'worker',
    '--redis',
    url,
    '--fleet',
    fleet,
    '--handlers',
    'h.mjs',
    ...options
  ]);
  const [executor, reports] = [bullmqExecutor({ url, fleet }), new RecordedReports()];
  onTestFinished(() => executor.stop());
  await executor.start(reports);
  return { executor, reports, command };
}
