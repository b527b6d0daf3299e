import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { replay, type ReplayOptions, type ReplayPage } from '../../src/cli/replay.ts';
import type { TaskLife } from '../../src/cli/taskLife.ts';
import { readRecording } from '../../src/index.ts';
import { settled, startFleet } from '../harness.ts';
import { linesOf, recordingPath, writeLines } from './files.ts';

/** A run of three tasks, one of which fails twice. */
async function recordedRun(): Promise<string> {
  const path = recordingPath();
  const { fleet, clock } = await startFleet({
    record: path,
    handlers: {
      work: (data: { readonly failures: number }, { attempt }) => {
        if (attempt <= data.failures) throw new Error(`no \u001b[31mluck\nin attempt ${attempt}`);
      }
    }
  });
  await fleet.submitBatch(
    [0, 2, 0].map((failures, n) => ({ id: `t${n}`, type: 'work' as const, data: { failures } })),
    { batchId: 'b' }
  );
  await settled();
  await clock.advance(5_000);
  await fleet.waitForBatch('b');
  await fleet.stop();
  return path;
}

/** The command, with what it prints and which pages it opens. */
async function run(path: string, options: Partial<ReplayOptions> = {}, isTerminal = true) {
  let stdout = '';
  const opened: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation(((text: string, done?: () => void) => {
    stdout += text;
    done?.();
    return true;
  }) as never);
  let stderr = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((stderr += String(text)), true));
  const page: ReplayPage = {
    html: () => Promise.resolve('<html><!-- recording --></html>'),
    show: (shown) => Promise.resolve(opened.push(shown)),
    isTerminal
  };
  try {
    const code = await replay(path, { open: true, ...options }, page);
    return { code, stdout, stderr, opened };
  } finally {
    vi.restoreAllMocks();
  }
}

/** The file that the command has named. */
const pageOf = ({ stderr }: { readonly stderr: string }): string =>
  /stepped through in (\S+)/.exec(stderr)![1]!;

describe('replay', () => {
  it('prints figures: turns, tasks by state, what was retried and why, the slowest commits', async () => {
    const { code, stdout } = await run(await recordedRun());
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^Fleet test: \d+ turns, \d+ steps in 5.0 s, from 2026-01-01T00:00:00.000Z; stopped.\n/
    );
    expect(stdout).toMatch(/^completed +3 +0$/m);
    expect(stdout).toMatch(/^b\/t1 +1 +100 ms +worker-\d+ +failed: no luck$/m);
    expect(stdout).toMatch(/^b\/t1 +2 +200 ms +worker-\d+ +failed: no luck$/m);
    expect(stdout).toMatch(/^SLOWEST COMMITS/m);
    expect(stdout).not.toContain('\u001b');
  });

  it('prints first which tasks are with a worker, then which wait, and for how long', async () => {
    const path = recordingPath();
    const { fleet, clock, crash } = await startFleet({
      record: path,
      config: { maxConcurrentWorkers: 1, workerTimeout: 600_000 },
      handlers: { hang: () => new Promise<void>(() => {}), work: () => {} }
    });
    await fleet.submitBatch([{ id: 'over', type: 'work', data: null }], { batchId: 'a' });
    await fleet.waitForBatch('a');
    await fleet.submitBatch([{ id: 'later', type: 'work', data: null, delayMs: 900_000 }], { batchId: 'a2' });
    await clock.advance(1_000);
    await fleet.submitBatch([{ id: 'stuck', type: 'hang', data: null }], { batchId: 'b' });
    await clock.advance(61_000);
    await fleet.submitBatch([{ id: 'behind', type: 'work', data: null }], { batchId: 'c' });
    // What was recorded is in the file a second later.
    await clock.advance(2_000);
    await fleet.submitBatch([], { batchId: 'd' });
    await crash();
    await fleet.stop();
    const { stdout } = await run(path);
    const section = /^UNFINISHED[^]*?\n\n/m.exec(stdout)![0].trimEnd().split('\n');
    expect(section.map((line) => line.trimEnd().split(/(?: {2,}| (?=ATTEMPT))/))).toEqual([
      ['UNFINISHED', 'STATE', 'FOR', 'ATTEMPT', 'WORKER'],
      ['b/stuck', 'running', '1 min 3 s', '1', 'worker-1'],
      ['a2/later', 'scheduled', '1 min 4 s'],
      ['c/behind', 'queued', '2.0 s']
    ]);
  });

  it('prints which tasks failed, and why', async () => {
    const path = recordingPath();
    const { fleet } = await startFleet({
      record: path,
      config: { maxRetries: 0 },
      handlers: {
        work: () => {
          throw new Error('no luck');
        }
      }
    });
    await fleet.submitBatch([{ id: 'a', type: 'work', data: null }], { batchId: 'b' });
    await fleet.waitForBatch('b');
    await fleet.stop();
    const { stdout } = await run(path);
    expect(stdout).toMatch(/^failed +1 +0$/m);
    expect(stdout).toMatch(/^b\/a +1 +worker-1 +failed: no luck$/m);
    expect(stdout).not.toMatch(/^RETRIED/m);
  });

  it('writes a page that has the recording, and opens it where somebody sees it', async () => {
    const path = await recordedRun();
    const shown = await run(path);
    expect(shown.opened).toEqual([pageOf(shown)]);
    const html = readFileSync(pageOf(shown), 'utf8');
    const embedded: unknown = JSON.parse(
      /<script type="application\/json" id="recording">(.*)<\/script>/.exec(html)![1]!
    );
    expect(embedded).toEqual(JSON.parse(JSON.stringify(await readRecording(path))));

    expect((await run(path, { open: false })).opened).toEqual([]);
    expect((await run(path, {}, false)).opened).toEqual([]);
  });

  it('writes the page where it is told to, cut to so many steps, and says so', async () => {
    const path = await recordedRun();
    const out = join(dirname(path), 'page.html');
    const { stderr } = await run(path, { out, maxSteps: 30, json: true });
    expect(existsSync(out)).toBe(true);
    expect(stderr).toMatch(/without its last \d+ steps \(--max-steps keeps more\)/);
  });

  it('says what to do where the page cannot be written', async () => {
    const path = await recordedRun();
    await expect(run(path, { out: join(path, 'page.html') })).rejects.toThrow(
      /^the page .*page\.html cannot be written: ENOTDIR.*; pass a file in a folder that is there with --out/
    );
  });

  it('prints the life of a task as a table, by its key or its id', async () => {
    const path = await recordedRun();
    const { stdout, opened } = await run(path, { task: 'b/t1' });
    const [title, header, ...rows] = stdout.trimEnd().split('\n');
    expect(title).toBe('Task b/t1 of type work');
    expect(header).toMatch(/^AT +AFTER +EVENT +STATE +ATTEMPT +WORKER +WHY$/);
    expect(rows.map((row) => row.split(/ {2,}/).slice(2).join('|'))).toEqual([
      'made|-> queued',
      'task.claim|queued -> dispatched|1|worker-2',
      'attempt.started|dispatched -> running|1|worker-2',
      'attempt.failed|running -> backingOff|1|worker-2|failed: no luck; again in 100 ms',
      'task.due|backingOff -> queued',
      'task.claim|queued -> dispatched|2|worker-4',
      'attempt.started|dispatched -> running|2|worker-4',
      'attempt.failed|running -> backingOff|2|worker-4|failed: no luck; again in 200 ms',
      'task.due|backingOff -> queued',
      'task.claim|queued -> dispatched|3|worker-5',
      'attempt.started|dispatched -> running|3|worker-5',
      'attempt.completed|running -> completed|3|worker-5'
    ]);
    expect(opened).toEqual([]);
    expect((await run(path, { task: 't1' })).stdout).toBe(stdout);
    await expect(run(path, { task: 'other' })).rejects.toThrow(/no task other was stepped in the recording/);
  });

  it('prints figures and lives as JSON for programs, and no page', async () => {
    const path = await recordedRun();
    const figures = await run(path, { json: true });
    expect(JSON.parse(figures.stdout)).toMatchObject({
      fleet: 'test',
      sessions: 1,
      ending: 'stopped',
      tasks: { completed: 3 },
      tasksBefore: { completed: 0 },
      retriedAttempts: 2,
      retries: [
        { key: 'b/t1', attempt: 1, delayMs: 100 },
        { attempt: 2, delayMs: 200 }
      ]
    });
    expect(figures.stderr).toBe('');
    const life = (await run(path, { json: true, task: 't0' })).stdout.trim().split('\n');
    expect(life.map((line) => (JSON.parse(line) as TaskLife['steps'][0]).to)).toEqual([
      'queued',
      'dispatched',
      'running',
      'completed'
    ]);
  });

  it('checks a recording, and ends with 1 where it differs, naming the step', async () => {
    const path = await recordedRun();
    const sound = await run(path, { check: true });
    expect(sound).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Sound: \d+ steps of tasks/) as unknown,
      opened: []
    });

    const frames = await linesOf(path);
    const turn = frames.flat().find((line) => JSON.stringify(line).includes('attempt.failed'))!;
    const step = (turn[5] as unknown[][]).find(([, , event]) => event === 'attempt.failed')!;
    step[2] = 'attempt.lost';
    await writeLines(path, frames);
    const changed = await run(path, { check: true });
    expect(changed.code).toBe(1);
    expect(changed.stdout).toMatch(
      /^Differs first in turn \d+, at task b\/t1: attempt.lost comes to queued, recorded is backingOff, due at \d+.\n$/
    );
    expect(JSON.parse((await run(path, { check: true, json: true })).stdout)).toMatchObject({
      isSound: false
    });
  });

  it('says what to do about a file that is no recording', async () => {
    const path = recordingPath();
    writeFileSync(path, 'tasks');
    await expect(run(path)).rejects.toMatchObject({ code: 'ERR_RECORDING_FOREIGN' });
    await expect(run(`${path}.not`)).rejects.toMatchObject({
      code: 'ERR_RECORDING_IO',
      message: expect.stringContaining('name a recording that this process may read') as string
    });
    await expect(run(dirname(path))).rejects.toMatchObject({ code: 'ERR_RECORDING_IO' });
  });
});
