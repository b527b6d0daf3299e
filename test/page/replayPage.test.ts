import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { readPageAssets } from '../../src/dashboard/pageAssets.ts';
import { embedRecording } from '../../src/page/embedRecording.ts';
import type { Recording } from '../../src/recording/recording.ts';
import { needing } from '../missing.ts';
import { launchBrowser, noBrowser, problemsOf } from './browser.ts';
import { hostileTexts } from './hostileTexts.ts';
import { recordRun, recordingStart, recordingWith } from './recordings.ts';

describe('a recording in a page', () => {
  it('is read back as it was, whatever is in it', async () => {
    const recording = hostileRecording();
    const html = embedRecording((await readPageAssets()).replayHtml, recording);
    const [, json = ''] = /<script type="application\/json" id="recording">(.*?)<\/script>/.exec(html) ?? [];
    expect(json).not.toMatch(/[<\u2028\u2029]/);
    expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(recording)));
  });

  it('is refused by a page that has no place for it', () => {
    expect(() => embedRecording('<html></html>', recordingWith())).toThrow('npm run build');
  });
});

describe('the replay page', needing(noBrowser), () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());

  it('steps through the turns by buttons, keys and the slider, from a file', async () => {
    const { page, problems } = await open(browser, run());
    await expectPosition(page, '1 of ');
    await page.getByRole('button', { name: 'A turn on' }).click();
    await expectPosition(page, '2 of ');
    await page.locator('h1').click();
    await page.keyboard.press('ArrowRight');
    await expectPosition(page, '3 of ');
    await page.keyboard.press('ArrowLeft');
    await expectPosition(page, '2 of ');
    await expectText(page, '[data-state="queued"] > .count', '100');
    await page.keyboard.press('End');
    await expectText(page, '[data-state="queued"] > .count', '');
    await page.getByLabel('Turn', { exact: true }).fill('3');
    await expectText(page, '[data-state="running"] > .count', '8');
    await page.locator('.transition.taken[data-source="queued"][data-target="dispatched"]').waitFor();
    await page.locator('h1').click();
    await page.keyboard.press('r');
    await page.locator('[data-state="backingOff"].active').waitFor();
    await page.getByRole('button', { name: 'Next failure' }).click();
    await page.getByText('ENOENT').first().waitFor();
    expect(problems).toEqual([]);
  });

  it('shows why a task was retried by one key, wherever the focus is', async () => {
    const { page } = await open(browser, run());
    await page.getByRole('button', { name: 'A turn on' }).click();
    await page.keyboard.press('r');
    await expect
      .poll(() => page.locator('.life .current').textContent(), { timeout: 20_000 })
      .toMatch(/backing off.*the attempt failed: ENOENT.*; tried again in/);
    const shown = await page.locator('.life-panel h3 .name').first().textContent();
    await page.keyboard.press('r');
    await expect
      .poll(() => page.locator('.life-panel h3 .name').first().textContent(), { timeout: 20_000 })
      .not.toBe(shown);
  });

  it('tells its keys, and leaves those alone that are typed', async () => {
    const { page } = await open(browser, run());
    await page.keyboard.press('?');
    await page.getByRole('dialog').getByText('the next retry, and why').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('/');
    await page.keyboard.type('image-7');
    await page.getByRole('button', { name: 'thumbnails-1/image-7', exact: true }).waitFor();
    await expectPosition(page, '1 of ');
  });

  it('says which process a turn is of, and how the recording ends', async () => {
    const recording = run();
    const { page } = await open(browser, {
      ...recording,
      ending: 'torn',
      sessions: [
        { startedAt: recordingStart, firstTurn: 0 },
        { startedAt: recordingStart + 90, firstTurn: 2 }
      ]
    });
    await page.getByText('The end is cut off within a write').waitFor();
    expect(await page.getByTestId('position').textContent()).toContain('process 1 of 2');
    await page.keyboard.press('s');
    await expectPosition(page, '3 of ');
    expect(await page.getByTestId('position').textContent()).toContain('process 2 of 2');
  });

  it('plays to the end', async () => {
    const { page } = await open(browser, run());
    await page.getByLabel('Speed').selectOption('200');
    await page.getByRole('button', { name: 'Play' }).click();
    const { turns } = run();
    await expectPosition(page, `${turns.length} of ${turns.length} turns`);
    await page.getByRole('button', { name: 'Play' }).waitFor();
  });

  it('tells the life of a task that failed', async () => {
    const { page } = await open(browser, run());
    await page.locator('h1').click();
    await page.keyboard.press('End');
    await page.locator('main .row .link').first().click();
    await page.locator('.life li').nth(3).waitFor();
    const steps = await page.locator('.life li').allTextContents();
    expect(steps[0]).toContain('queued');
    expect(steps.at(-1)).toMatch(/(failed|timed out), after 40 ms running the attempt/);
    await page.locator('.life li').nth(1).getByRole('button').click();
    await page.locator('.life .later').first().waitFor();
  });

  it('shows names and errors as what they are: text', async () => {
    const { page, problems } = await open(browser, hostileRecording());
    await page.locator('h1').click();
    await page.keyboard.press('End');
    await page
      .locator('main .row .link')
      .nth(hostileTexts.length - 1)
      .waitFor();
    expect(await page.evaluate('globalThis.ran')).toBe(undefined);
    expect(await page.locator('main img, main script, main iframe, main a').count()).toBe(0);
    expect(problems).toEqual([]);
  });

  it('says so when there is no recording in it', async () => {
    const page = await openHtml(browser, (await readPageAssets()).replayHtml);
    await expectText(page, '#page', 'There is no recording in this page.');
  });
});

function run(): Recording {
  let state = 13;
  return recordRun(300, () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647);
}

function hostileRecording(): Recording {
  const [first = ''] = hostileTexts;
  return recordingWith({
    name: hostileTexts.join(' ').slice(0, 500),
    tasks: hostileTexts.map((key) => ({ key, batchId: first, type: key })),
    batches: [first],
    workers: [...hostileTexts],
    turns: [
      {
        turn: 1,
        at: recordingStart + 10,
        commitMs: 1,
        inputs: { '<img src=x onerror=ran=1>': 1 },
        steps: hostileTexts.flatMap((error, subject) => [
          { machine: 'worker', subject, event: null, from: null, to: error } as const,
          { machine: 'task', subject, event: null, from: null, to: 'queued' } as const,
          {
            machine: 'task',
            subject,
            event: error,
            from: 'queued',
            to: 'failed',
            detail: { error, workerId: error }
          } as const
        ])
      }
    ]
  });
}

async function open(browser: Browser, recording: Recording) {
  const page = await openHtml(browser, embedRecording((await readPageAssets()).replayHtml, recording));
  await page.locator('h1').waitFor();
  return { page, problems: pageProblems.get(page) ?? [] };
}

const pageProblems = new WeakMap<Page, readonly string[]>();

async function openHtml(browser: Browser, html: string): Promise<Page> {
  const folder = mkdtempSync(join(tmpdir(), 'replay-'));
  const page = await browser.newPage();
  onTestFinished(async () => {
    await page.close();
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'replay.html');
  writeFileSync(file, html);
  pageProblems.set(page, problemsOf(page));
  await page.goto(pathToFileURL(file).href);
  return page;
}

async function expectPosition(page: Page, wanted: string): Promise<void> {
  await expect
    .poll(() => page.getByTestId('position').textContent(), { timeout: 20_000 })
    .toMatch(new RegExp(`^${wanted}`));
}

/** Waits until there is exactly that. */
async function expectText(page: Page, selector: string, wanted: string): Promise<void> {
  await expect.poll(() => page.locator(selector).first().textContent(), { timeout: 20_000 }).toBe(wanted);
}
