import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { needing } from '../missing.ts';
import { launchBrowser, noBrowser, problemsOf } from './browser.ts';
import { busyFrame, frameStart, frameWith } from './frames.ts';
import { hostileFrame, hostileTexts } from './hostileTexts.ts';
import { gate } from '../harness.ts';
import { PageServer, type Answer, type PageServerOptions } from './pageServer.ts';

describe('the live page', needing(noBrowser), () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());

  it('shows a busy fleet, and nothing is stopped by its policy or ends on the console', async () => {
    const { page, server, problems } = await open(browser, busyFrame(10));
    for (let number = 11; number < 40; number++) server.send(busyFrame(number));
    await page.getByText('273', { exact: false }).first().waitFor();
    await expectText(page, '[data-state="queued"] > .count', '92,437');
    await expectText(page, 'h1', 'images');
    expect(await page.locator('main .row').count()).toBe(100);
    expect(await page.locator('main .cell').count()).toBe(200);
    expect(await page.locator('.uplot canvas').count()).toBe(4);
    for (const name of ['batch', 'worker', 'fleet', 'coordinator', 'autoscaler', 'schedule']) {
      await page.getByRole('tab', { name }).click();
      await page.locator('.drawing [data-state].active').first().waitFor();
    }
    expect(problems).toEqual([]);
  });

  it('follows the fleet, state by state', async () => {
    const { page, server } = await open(browser, frameWith());
    await expectText(page, '.connection', 'live');
    const { tasks } = frameWith();
    server.send(frameWith({ turn: 2, tasks: { ...tasks, running: 7 } }));
    await expectText(page, '[data-state="running"] > .count', '7');
    server.send(frameWith({ turn: 3, tasks: { ...tasks, completed: 1_234_567 } }));
    await expectText(page, '[data-state="completed"] > .count', '1.2M');
    await expectText(page, '[data-state="running"] > .count', '');
    expect(await page.locator('[data-state="running"]').getAttribute('class')).not.toContain('active');
    await page.getByRole('tab', { name: 'fleet' }).click();
    await page.locator('[data-state="operation.running"].active').waitFor();
    await watchGlow(page);
    server.send(
      frameWith({ turn: 4, active: { fleet: ['operation.paused', 'journal.clean'] }, isPaused: true })
    );
    await page.locator('[data-state="operation.paused"].active').waitFor();
    await expectGlow(page, 'operation.running -> operation.paused');
    await page.getByRole('button', { name: 'Resume the fleet' }).waitFor();
  });

  it('has the edges glow that are taken, with how often, until they are taken no more', async () => {
    const edges = [{ machine: 'task', event: 'task.claim', source: 'queued', target: 'dispatched' }] as const;
    const { tasks } = frameWith();
    const { page, server } = await open(browser, frameWith());
    await expectText(page, '.connection', 'live');
    await watchGlow(page);
    server.send(
      frameWith({
        at: frameStart + 60_000,
        transitions: 40,
        tasks: { ...tasks, completed: 40 },
        edges: edges.map((edge) => ({ ...edge, count: 40 }))
      })
    );
    await expectGlow(page, 'queued -> dispatched 0.7/s');
    // The fleet does nothing more, and sends nothing.
    await expect.poll(() => page.locator('.transition.taken').count(), { timeout: 20_000 }).toBe(0);
    await expectText(page, '.figure:has-text("completed a second") dd', '0');
  });

  it('says what holds the fleet up', async () => {
    const { tasks } = frameWith();
    const { page } = await open(
      browser,
      frameWith({ isPaused: true, tasks: { ...tasks, queued: 1_000_000 }, workerStates: {} })
    );
    await expectText(
      page,
      '.findings li',
      'The fleet is paused: nothing starts until it is resumed; 1,000,000 tasks waiting.'
    );
  });

  it('shows the workers of a fleet that cannot scale them, and first those that were lost', async () => {
    const work = { tags: [], completed: 12, failed: 0 };
    const { page, server, problems } = await open(browser, frameWith());
    await page.getByRole('button', { name: 'Scale', exact: true }).waitFor();
    server.send(
      frameWith({
        maxWorkers: null,
        workers: [{ ...work, id: 'host-b', state: 'busy', taskIds: ['audits/1'], types: ['audit'] }],
        lostWorkers: [{ ...work, id: 'host-a', problem: 'Worker host-a has not answered', at: frameStart }]
      })
    );
    await page.getByRole('button', { name: 'Scale', exact: true }).waitFor({ state: 'detached' });
    expect(await page.getByRole('spinbutton', { name: 'workers' }).count()).toBe(0);
    expect(await page.locator('main .cell').allTextContents()).toEqual([
      expect.stringMatching(/^host-alostWorker host-a has not answered12 done\d\d:\d\d:\d\d$/),
      'host-bbusyaudits/112 doneaudit'
    ]);
    await expectText(page, '#workers-title small', '1');
    expect(problems).toEqual([]);
  });

  it('goes on when its server is gone for a while', async () => {
    const { page, server } = await open(browser, frameWith());
    await expectText(page, '.connection', 'live');
    const { port } = server;
    await server.close();
    await expectText(page, '.connection', 'reconnecting');
    const next = new PageServer(frameWith({ name: 'images again' }), { port });
    onTestFinished(() => next.close());
    await next.listen();
    await expectText(page, '.connection', 'live');
    await expectText(page, 'h1', 'images again');
  });

  it('says that a fleet has ended, rather than that it is lost', async () => {
    const { page, server } = await open(browser, frameWith());
    server.send(frameWith({ turn: 2, active: { fleet: ['operation.stopped', 'journal.closed'] } }));
    await expectText(page, '[data-testid=operation]', 'stopped');
    await server.close();
    await expectText(page, '.connection', 'ended');
  });

  it('shows names and errors as what they are: text', async () => {
    const { page, problems } = await open(browser, hostileFrame);
    await page.locator('main .row').nth(hostileTexts.length).waitFor();
    for (const [index, name] of hostileTexts.entries()) {
      const shown = await page.locator('main .row .link').nth(index).textContent();
      expect(shown?.slice(0, 160)).toBe(name.slice(0, 160));
    }
    expect(await page.evaluate('document.title')).toContain('</title>');
    expect(await page.evaluate('globalThis.ran')).toBe(undefined);
    expect(await page.locator('main img, main script, main iframe, main a').count()).toBe(0);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    expect(problems).toEqual([]);
  });

  describe('has the fleet do something', () => {
    const [failure] = busyFrame(0).failures;
    const key = failure?.key ?? '';

    it('once, with the button disabled until it is done', async () => {
      const answer = gate<Answer>();
      const path = `POST /api/tasks/${encodeURIComponent(key)}/retry`;
      const { page, server } = await open(browser, busyFrame(0), {
        answers: { [path]: () => answer.promise }
      });
      const button = page.getByRole('button', { name: `Retry ${key}` });
      await button.click();
      await page.locator('button[aria-busy=true]').waitFor();
      expect(await button.isDisabled()).toBe(true);
      answer.open({ status: 200, body: { ok: true } });
      await page.getByText('A copy of the task is queued').waitFor();
      await page.locator('button[aria-busy=true]').waitFor({ state: 'detached' });
      expect(server.requests).toEqual([`${path} {}`]);
    });

    it('after it has asked for the token, until that is right, and then not again', async () => {
      const { page, server, problems } = await open(browser, frameWith(), { token: 'right' });
      await page.getByRole('button', { name: 'Pause the fleet' }).click();
      await page.getByLabel('Token', { exact: true }).fill('wrong');
      await page.getByRole('button', { name: 'Go on' }).click();
      await page.getByText('Wrong token').waitFor();
      await page.getByLabel('Token', { exact: true }).fill('right');
      await page.getByRole('button', { name: 'Go on' }).click();
      await page.getByText('The fleet is paused').waitFor();
      await page.getByRole('spinbutton', { name: 'workers' }).fill('7');
      await page.getByRole('button', { name: 'Scale', exact: true }).click();
      await page.getByText('The fleet is to have 7 workers').waitFor();
      expect(server.requests).toEqual(['POST /api/fleet/pause {}', 'POST /api/workers/scale {"count":7}']);
      expect(problems.filter((problem) => !problem.includes('401'))).toEqual([]);
    });

    it('never, when the reader does not want to', async () => {
      const { page, server } = await open(browser, busyFrame(0));
      const cancel = page.getByRole('button', { name: /^Cancel thumbnails/ }).first();
      await cancel.click();
      await page.getByRole('button', { name: 'Not now' }).click();
      await page.locator('dialog').waitFor({ state: 'detached' });
      expect(server.requests).toEqual([]);
      await cancel.click();
      await page.getByRole('button', { name: 'Cancel the batch' }).click();
      await page.getByText('The batch is being cancelled').waitFor();
      expect(server.requests).toEqual(['POST /api/batches/thumbnails-2000/cancel {}']);
    });

    it('and says what the fleet has against it', async () => {
      const { page } = await open(browser, frameWith(), {
        answers: {
          'POST /api/fleet/pause': () => ({
            status: 409,
            body: { error: { code: 'ERR_NOT_RUNNING', message: 'The fleet is draining <b>' } }
          })
        }
      });
      await page.getByRole('button', { name: 'Pause the fleet' }).click();
      const alert = page.getByRole('alert');
      await alert.waitFor();
      expect(await alert.textContent()).toBe('The fleet is draining <b>');
    });
  });

  it('shows one task, found by its key', async () => {
    const view = {
      key: 'a/1',
      type: 'resize',
      status: 'backingOff',
      attempts: 2,
      workerId: 'worker-1',
      createdAt: frameStart,
      startedAt: frameStart + 10,
      dueAt: frameStart + 5_000,
      error: '<img src=x onerror=ran=1>'
    };
    const { page, problems } = await open(browser, frameWith(), {
      answers: {
        'GET /api/tasks/a%2F1': () => ({
          status: 200,
          body: { view, snapshot: { context: { failures: 1, recoveries: 1 } } }
        })
      }
    });
    await page.getByLabel('Key of a task').fill('a/1');
    await page.getByLabel('Key of a task').press('Enter');
    await page.getByText('2: 1 failed, 1 lost with their worker').waitFor();
    await page.getByText('<img src=x onerror=ran=1>').waitFor();
    await page.getByText('backing off attempt 2').waitFor();
    expect(problems).toEqual([]);
  });

  it('is worked by keys, and keeps its colours', async () => {
    const { page } = await open(browser, frameWith());
    await page.getByRole('tab', { name: 'task' }).focus();
    await page.keyboard.press('ArrowRight');
    expect(await page.getByRole('tab', { name: 'batch' }).getAttribute('aria-selected')).toBe('true');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    expect(await page.getByRole('tab', { name: 'schedule' }).getAttribute('aria-selected')).toBe('true');
    const theme = page.getByRole('button', { name: 'Colours' });
    await theme.click();
    await theme.click();
    await page.locator('[data-theme=dark] h1').waitFor();
    await page.reload();
    await page.locator('[data-theme=dark] h1').waitFor();
  });

  it('fits a phone', async () => {
    const { page } = await open(browser, busyFrame(3), {}, 390);
    await page.locator('main .cell').first().waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
  });
});

async function open(
  browser: Browser,
  frame: Parameters<PageServer['send']>[0],
  options: PageServerOptions = {},
  width = 1280
): Promise<{ readonly page: Page; readonly server: PageServer; readonly problems: readonly string[] }> {
  const server = new PageServer(frame, options);
  const context = await browser.newContext({ viewport: { width, height: 900 } });
  onTestFinished(async () => {
    await context.close();
    await server.close();
  });
  const page = await context.newPage();
  const problems = problemsOf(page);
  await page.goto(await server.listen());
  await page.locator('h1').waitFor();
  return { page, server, problems };
}

/** Waits until there is exactly that. */
async function expectText(page: Page, selector: string, wanted: string): Promise<void> {
  await expect.poll(() => page.locator(selector).first().textContent(), { timeout: 20_000 }).toBe(wanted);
}

/** Keeps what glows from now on, however short: `queued -> dispatched 20/s`. */
async function watchGlow(page: Page): Promise<void> {
  await page.evaluate(`
    globalThis.glowed = [];
    const keep = () => {
      for (const edge of document.querySelectorAll('.transition.taken')) {
        const rate = edge.querySelector('.rate')?.textContent ?? '';
        glowed.push((edge.dataset.source + ' -> ' + edge.dataset.target + ' ' + rate).trim());
      }
    };
    new MutationObserver(keep).observe(document.querySelector('#chart'), { subtree: true, attributes: true, childList: true });
  `);
}

async function expectGlow(page: Page, wanted: string): Promise<void> {
  await expect.poll(() => page.evaluate('globalThis.glowed'), { timeout: 20_000 }).toContain(wanted);
}
