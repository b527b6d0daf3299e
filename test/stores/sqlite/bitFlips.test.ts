import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { SeededRandom } from '../../../src/testing/seededRandom.ts';
import { temporaryPath } from '../directory.ts';
import { makeImages, placeImage, readStore, type Image, type Images } from './storeImage.ts';

/** Of each image. More are flipped with `BIT_FLIPS=5000 npx vitest run test/stores/sqlite/bitFlips.test.ts`. */
const flips = Number(process.env.BIT_FLIPS ?? 120);
const seed = Number(process.env.SEED ?? 1);

describe('a store in which one bit is flipped', () => {
  let images: Images;

  beforeAll(async () => {
    images = await makeImages();
  });

  it.each(['closed', 'killedEarly', 'killed'] as const)(
    'is refused, found damaged, or as before: %s',
    { timeout: 300_000 },
    async (kind) => {
      const image = images[kind];
      const directory = memoryPath();
      const sound = readStore(placeImage(image, directory));
      expect(sound).toEqual({ isSound: true, reading: { content: expect.any(String) as string } });

      const random = new SeededRandom(seed);
      const counts = { flips, refused: 0, foundByCheck: 0, harmless: 0, silent: 0, untyped: 0 };
      const misses: unknown[] = [];
      for (let flip = 0; flip < flips; flip += 1) {
        const { flipped, at } = withFlippedBit(image, random);
        // A connection has its files open until its statements are collected.
        if (flip % 50 === 0) await collectGarbage();
        const { isSound, reading } = readStore(placeImage(flipped, directory));
        if ('code' in reading) {
          counts.refused += 1;
          if (reading.code === null) {
            counts.untyped += 1;
            misses.push({ at, error: String(reading.error) });
          }
        } else if (!isSound) counts.foundByCheck += 1;
        else if (reading.content === ('content' in sound.reading && sound.reading.content))
          counts.harmless += 1;
        else {
          counts.silent += 1;
          misses.push({ at });
        }
      }
      console.log(`bit flips, ${kind}, seed ${seed}:`, JSON.stringify(counts));
      expect(misses).toEqual([]);
    }
  );
});

async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  // What is collected is closed in a turn of the event loop of its own.
  await new Promise((resolve) => setImmediate(resolve));
}

/** In memory where that is a folder: flushing each image to a disk takes most of the time. */
function memoryPath(): string {
  if (!existsSync('/dev/shm')) return temporaryPath('image');
  const directory = mkdtempSync('/dev/shm/xstate-fleet-');
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function withFlippedBit(image: Image, random: SeededRandom): { flipped: Image; at: string } {
  const total = [...image.values()].reduce((sum, { length }) => sum + length, 0);
  let byte = random.integer(0, total - 1);
  const flipped = new Map(image);
  for (const [suffix, bytes] of image) {
    if (byte < bytes.length) {
      const bit = random.integer(0, 7);
      const copy = Buffer.from(bytes);
      copy[byte]! ^= 1 << bit;
      flipped.set(suffix, copy);
      return { flipped, at: `fleet.db${suffix} byte ${byte} bit ${bit}` };
    }
    byte -= bytes.length;
  }
  throw new Error('The image is empty');
}
