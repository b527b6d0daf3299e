import { spawnSync } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { compiledFolder } from '../../reliability/compiled.ts';
import { checkRecording, readRecording, type Recording } from '../../src/index.ts';
import { Folder, numberedTasks } from '../cli/command.ts';
import { needing } from '../missing.ts';
import { recordingPath } from '../recording/files.ts';

const handlers = `import { setTimeout as sleep } from 'node:timers/promises';
export async function work({ n }, { attempt }) {
  console.log('began', n);
  await sleep(60);
  if (n % 5 === 0 && attempt === 1) throw new Error('not yet');
  return n;
}
`;

const run = [
  'run',
  'tasks.jsonl',
  '--handlers',
  'h.mjs',
  '--batch',
  'b',
  '--workers',
  '3',
  '--record',
  'r.fleetlog'
];

/** How many tasks a recording has seen completed. */
function completedIn({ turns }: Recording): number {
  return turns.flatMap(({ steps }) =>
    steps.filter(({ machine, to }) => machine === 'task' && to === 'completed')
  ).length;
}

test('a run that is killed again and again leaves one recording, sound in all of its sessions', async () => {
  const folder = new Folder();
  folder.write('h.mjs', handlers);
  folder.write('tasks.jsonl', numberedTasks(120));
  const path = join(folder.path, 'r.fleetlog');
  for (const began of [30, 45]) {
    const killed = folder.start(run);
    await killed.printed(/began/, began);
    killed.kill('SIGKILL');
    expect((await killed.exit).code).toBeNull();
    const check = await checkRecording(path);
    expect(check).toMatchObject({ isSound: true, difference: null });
    expect(check.ending).not.toBe('stopped');
  }
  const last = await folder.run(run);
  expect(last.code).toBe(0);
  expect(last.stdout).toContain('To see how it went: xstate-fleet replay r.fleetlog\n');

  expect(await checkRecording(path)).toMatchObject({ isSound: true, difference: null, ending: 'stopped' });
  const recording = await readRecording(path);
  expect(recording.sessions).toHaveLength(3);
  // What came up to a second before a kill is missing; that of the last session is there.
  expect(completedIn(recording)).toBeGreaterThan(0);

  const replayed = await folder.run(['replay', 'r.fleetlog', '--check']);
  expect(replayed).toMatchObject({ code: 0, stdout: expect.stringContaining('Sound: ') as unknown });
  const figures = await folder.run(['replay', 'r.fleetlog', '--json']);
  expect(JSON.parse(figures.stdout)).toMatchObject({ sessions: 3, tasks: { completed: 120 } });
});

test(
  'a disk that has no room ends the recording with one warning, and not the fleet; what was written reads',
  needing(process.platform === 'win32' ? 'Windows has no limit for the size of files' : null),
  async () => {
    const folder = new Folder();
    const path = recordingPath();
    writeFileSync(
      join(folder.path, 'full.mjs'),
      `import { randomUUID } from 'node:crypto';
const { FleetManager } = await import(${JSON.stringify(pathToFileURL(join(compiledFolder(), 'src/index.js')).href)});
const fleet = new FleetManager({ handlers: { work: () => 1 }, record: ${JSON.stringify(path)} });
await fleet.start();
let done = 0;
for (let batch = 0; batch < 20; batch++) {
  const tasks = Array.from({ length: 500 }, () => ({ id: randomUUID(), type: 'work', data: null }));
  const id = await fleet.submitBatch(tasks);
  done += (await fleet.waitForBatch(id)).completedTasks;
}
await fleet.stop();
console.log('done', done);
`
    );
    // No file may grow beyond some hundreds of kilobytes: its unit is 512 or 1,024 bytes.
    const script = `trap '' XFSZ; ulimit -f 256; exec "${process.execPath}" full.mjs`;
    const { stdout, stderr, status } = spawnSync('sh', ['-c', script], {
      cwd: folder.path,
      encoding: 'utf8'
    });
    expect({ stdout, status }).toEqual({ stdout: 'done 10000\n', status: 0 });
    expect(stderr.match(/RecordingError/g)).toHaveLength(1);
    expect(stderr).toContain('ERR_RECORDING_STOPPED');
    expect(statSync(path).size).toBeLessThanOrEqual(256 * 1_024);
    expect(await checkRecording(path)).toMatchObject({ isSound: true, ending: 'torn' });
    expect(completedIn(await readRecording(path))).toBeGreaterThan(0);
  }
);
