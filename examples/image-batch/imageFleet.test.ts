import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ImageFleet } from './imageFleet.ts';
import { mandelbrot, readImage, resize, writeImage } from './images.ts';

describe('resize', () => {
  it('keeps the proportions, and the mean of the colours', () => {
    const image = mandelbrot(40, 20, 1);
    const scaled = resize(image, 10);

    expect([scaled.width, scaled.height]).toEqual([10, 5]);
    expect(Math.abs(mean(scaled.data) - mean(image.data))).toBeLessThan(1);
  });

  it('refuses a width that is none', () => {
    expect(() => resize(mandelbrot(4, 4, 1), 5)).toThrow(RangeError);
  });
});

describe('the image fleet', () => {
  it('makes each picture smaller in a worker of its own, and tells what failed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'images-'));
    const source = join(folder, 'source.png');
    await writeImage(source, mandelbrot(60, 40, 1));
    await using fleet = new ImageFleet({ config: { tasksPerWorker: 1, maxRetries: 0 } });
    await fleet.start();
    const task = (id: string, width: number, from = source) => ({
      id,
      type: 'resize' as const,
      data: { source: from, target: join(folder, `${id}.png`), width }
    });
    const batchId = await fleet.submitBatch([
      task('a', 30),
      task('b', 15),
      task('wide', 100),
      task('missing', 10, join(folder, 'none.png'))
    ]);

    expect(await fleet.waitForBatch(batchId)).toMatchObject({ status: 'partial', completedTasks: 2 });
    const results = await fleet.getBatchResults<{ height: number }>(batchId);
    expect(new Set(results.map(({ workerId }) => workerId)).size).toBe(4);
    expect((await readImage(join(folder, 'a.png'))).height).toBe(20);
    expect([...fleet.failures.keys()].toSorted()).toEqual(['missing', 'wide']);
    await rm(folder, { recursive: true });
  });
});

function mean(values: Uint8Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
