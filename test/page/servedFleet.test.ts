import { describe, expect, it, onTestFinished } from 'vitest';
import { FleetManager, memoryStore } from '../../src/index.ts';
import { gate } from '../harness.ts';
import { needing } from '../missing.ts';
import { launchBrowser, noBrowser, problemsOf } from './browser.ts';

describe('the live page of a real fleet', needing(noBrowser), () => {
  it('shows its tasks as they go, and has it do what the reader wants', async () => {
    const hold = gate();
    const fleet = new FleetManager({
      name: 'images',
      store: memoryStore(),
      config: { maxConcurrentWorkers: 3, maxRetries: 0 },
      handlers: {
        resize: () => hold.promise,
        crop: () => {
          throw new Error('<img src=x onerror=ran=1>');
        }
      }
    });
    onTestFinished(() => fleet.stop({ graceful: false }));
    await fleet.start();
    const { url, token } = await fleet.serve();
    const browser = await launchBrowser();
    onTestFinished(() => browser.close());
    const page = await browser.newPage();
    const problems = problemsOf(page);
    const expectShown = async (selector: string, wanted: string) => {
      await expect.poll(() => page.locator(selector).first().textContent(), { timeout: 20_000 }).toBe(wanted);
    };

    await page.goto(url);
    await expectShown('.connection', 'live');
    await fleet.submitBatch(
      Array.from({ length: 8 }, (_, index) => ({
        id: `image-${index}`,
        type: 'resize' as const,
        data: null
      })),
      { batchId: 'thumbnails' }
    );
    await expectShown('[data-state="running"] > .count', '3');
    await expectShown('[data-state="queued"] > .count', '5');
    await page.getByText('thumbnails/image-0', { exact: true }).waitFor();

    await page.getByRole('button', { name: 'Pause the fleet' }).click();
    await page.getByLabel('Token', { exact: true }).fill(token);
    await page.getByRole('button', { name: 'Go on' }).click();
    await expectShown('[data-testid=operation]', 'paused');
    await page.getByRole('button', { name: 'Resume the fleet' }).click();
    await expectShown('[data-testid=operation]', 'running');

    hold.open();
    await expectShown('[data-state="completed"] > .count', '8');
    await fleet.submitBatch([{ id: 'wrong', type: 'crop', data: null }], { batchId: 'crops' });
    await page.getByRole('button', { name: 'crops/wrong', exact: true }).click();
    await page.getByText('1: 1 failed, 0 lost with their worker').waitFor();
    await page.getByRole('button', { name: 'Retry crops/wrong' }).first().click();
    await page.getByText('A copy of the task is queued').waitFor();
    await expectShown('[data-state="failed"] > .count', '2');

    await fleet.stop();
    await expectShown('.connection', 'ended');
    expect(await page.evaluate('globalThis.ran')).toBe(undefined);
    expect(problems.filter((problem) => !/401|ERR_CONNECTION_REFUSED/.test(problem))).toEqual([]);
  });
});
