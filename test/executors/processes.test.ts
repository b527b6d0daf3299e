import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { processes } from '../../src/executors/processes.ts';
import { describeExecutor } from './contract.ts';
import { describeIsolation } from './isolation.ts';
import { attemptOf, RecordedReports } from './reports.ts';

const module = new URL('handlers.ts', import.meta.url);

describeExecutor('processes', (options) => processes({ module, ...options }), { endsHandlers: true });
describeIsolation('processes', processes);

describe('processes', () => {
  it('outlive what ends a process: only the worker is lost', async () => {
    const { executor, reports } = await startExecutor();
    executor.dispatch([attemptOf(1, 'crash')]);
    expect((await reports.first('workerLost')).reason).toBe('Worker w1 was ended by SIGABRT');
    expect(reports.of('lost')).toHaveLength(1);
  });

  it('do not end by the signals that a terminal sends to the whole group', async () => {
    const { executor, reports } = await startExecutor();
    executor.dispatch([attemptOf(1, 'interrupt')]);
    expect((await reports.first('settled', 1)).outcome).toEqual({ status: 'completed', result: '"alive"' });
  });

  it('end with the process that made them, even while they are blocked', async () => {
    const parent = spawn(
      process.execPath,
      ['--import', import.meta.resolve('tsx'), fileURLToPath(new URL('blockedProcess.ts', import.meta.url))],
      { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, NODE_OPTIONS: undefined } }
    );
    // All that has its output open has ended then: the blocked process shares it.
    const closed = once(parent, 'close');
    await once(parent.stdout, 'data');
    parent.kill('SIGKILL');
    expect(await closed).toEqual([null, 'SIGKILL']);
  });

  it('are lost when they cut the line', async () => {
    const { executor, reports } = await startExecutor();
    executor.dispatch([attemptOf(1, 'disconnect')]);
    await reports.first('workerLost');
    expect(reports.of('lost')).toMatchObject([{ seq: 1 }]);
  });
});

async function startExecutor() {
  const executor = processes({ module });
  const reports = new RecordedReports();
  onTestFinished(() => executor.stop());
  await executor.start(reports);
  await executor.startWorker('w1');
  return { executor, reports };
}
