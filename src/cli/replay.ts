import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { readPageAssets } from '../dashboard/pageAssets.ts';
import { embedRecording } from '../page/embedRecording.ts';
import { checkRecording, type RecordingCheck } from '../recording/checkRecording.ts';
import { readRecording } from '../recording/readRecording.ts';
import { summarizeRecording } from '../recording/recordingSummary.ts';
import { UsageError } from './failure.ts';
import { recordingText } from './recordingText.ts';
import { taskLife, taskLifeText } from './taskLife.ts';
import { jsonLine, print, printable } from './terminal.ts';

export interface ReplayOptions {
  readonly out?: string;
  readonly open: boolean;
  readonly maxSteps?: number;
  readonly task?: string;
  readonly check?: boolean;
  readonly json?: boolean;
}

/** The page of a recording, and how it is shown. */
export interface ReplayPage {
  /** The page without a recording. */
  readonly html: () => Promise<string>;
  readonly show: (path: string) => Promise<unknown>;
  /** Whether somebody sees it. */
  readonly isTerminal: boolean;
}

const defaultMaxSteps = 100_000;

/**
 * `replay`: prints what a recording says, and writes the page that steps through it.
 *
 * @param page - Given by tests.
 * @returns The exit code.
 */
export async function replay(
  path: string,
  options: ReplayOptions,
  page: ReplayPage = builtPage
): Promise<number> {
  const { task, check, json = false } = options;
  const asked = task !== undefined || check === true;
  if (task !== undefined) {
    const life = await taskLife(path, task);
    await print(json ? life.steps.map(jsonLine).join('') : taskLifeText(life));
  }
  const code = check === true ? await printCheck(path, json) : 0;
  if (!asked) {
    const summary = await summarizeRecording(path);
    await print(json ? jsonLine(summary) : recordingText(summary));
  }
  if (options.out !== undefined || !(asked || json)) await writePage(path, options, page);
  return code;
}

const builtPage: ReplayPage = {
  html: builtHtml,
  // Only who opens a page pays for what looks for a browser.
  show: async (path) => (await import('open')).default(path),
  isTerminal: process.stdout.isTTY
};

async function builtHtml(): Promise<string> {
  try {
    return (await readPageAssets()).replayHtml;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

async function printCheck(path: string, json: boolean): Promise<number> {
  const check = await checkRecording(path);
  await print(json ? jsonLine(check) : checkText(check));
  return check.isSound ? 0 : 1;
}

function checkText({ turns, replayedSteps, comparedMoves, difference }: RecordingCheck): string {
  if (difference === null) {
    return (
      `Sound: ${replayedSteps} steps of tasks, batches and schedules, made again from their events, came to what ` +
      `was recorded;\n${comparedMoves} moves of agents are moves of their charts (${turns} turns).\n`
    );
  }
  const { turn, machine, subject, event, expected, recorded } = difference;
  return (
    `Differs first in turn ${turn}, at ${machine} ${printable(subject)}: ${event ?? 'when it is made,'} comes to ` +
    `${expected ?? 'nothing: its chart has no such transition there'}, recorded is ${printable(recorded)}.\n`
  );
}

async function writePage(
  path: string,
  { out, open, maxSteps }: ReplayOptions,
  page: ReplayPage
): Promise<void> {
  const recording = await readRecording(path, { maxSteps: maxSteps ?? defaultMaxSteps });
  const html = embedRecording(await page.html(), recording);
  const file = out ?? (await temporaryFile(path));
  await write(file, html);
  const { omittedSteps } = recording;
  const cut = omittedSteps === 0 ? '' : ` without its last ${omittedSteps} steps (--max-steps keeps more)`;
  // Of those who read what is printed by a program, it is said where it is not in the way.
  process.stderr.write(`The run is to be stepped through in ${printable(file)}${cut}\n`);
  if (open && page.isTerminal) await page.show(resolve(file));
}

async function write(file: string, html: string): Promise<void> {
  try {
    await writeFile(file, html);
  } catch (error) {
    throw new UsageError(
      `the page ${file} cannot be written: ${(error as Error).message}; pass a file in a folder that is there with --out <file.html>`
    );
  }
}

async function temporaryFile(path: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'xstate-fleet-replay-'));
  return join(folder, `${basename(path).replace(/\.fleetlog$/, '')}.html`);
}
