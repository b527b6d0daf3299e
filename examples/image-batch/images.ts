import { readFile, writeFile } from 'node:fs/promises';
import { PNG } from 'pngjs';

/** Reads a PNG file. */
export async function readImage(path: string): Promise<PNG> {
  return PNG.sync.read(await readFile(path));
}

/** @returns How many bytes were written. */
export async function writeImage(path: string, image: PNG): Promise<number> {
  const bytes = PNG.sync.write(image);
  await writeFile(path, bytes);
  return bytes.length;
}

/**
 * Scales an image down to a width and keeps its proportions: each pixel is the mean of those that it covers.
 *
 * @param width - Integer in [1, width of the image].
 */
export function resize(image: PNG, width: number): PNG {
  if (!Number.isInteger(width) || width < 1 || width > image.width) {
    throw new RangeError(`The width ${width} is none of 1 to ${image.width}, the image's own`);
  }
  const height = Math.max(1, Math.round((image.height * width) / image.width));
  const scaled = new PNG({ width, height });
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const box = {
        left: Math.floor((x * image.width) / width),
        right: Math.ceil(((x + 1) * image.width) / width),
        top: Math.floor((y * image.height) / height),
        bottom: Math.ceil(((y + 1) * image.height) / height)
      };
      scaled.data.set(meanColour(image, box), 4 * (y * width + x));
    }
  }
  return scaled;
}

/** Something to look at: the Mandelbrot set, `zoom` times enlarged. */
export function mandelbrot(width: number, height: number, zoom: number): PNG {
  const image = new PNG({ width, height });
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const re = -0.7453 + ((x - width / 2) * 3) / width / zoom;
      const im = 0.1127 + ((y - height / 2) * 3) / width / zoom;
      const share = escapeTime(re, im) / maxIterations;
      image.data.set(
        [255 * share ** 0.5, 255 * share, 255 * (1 - share) ** 8, 255].map(Math.round),
        4 * (y * width + x)
      );
    }
  }
  return image;
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

function meanColour({ data, width }: PNG, { left, right, top, bottom }: Box): number[] {
  const sums = [0, 0, 0, 0];
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      for (let channel = 0; channel < 4; channel++) sums[channel]! += data[4 * (y * width + x) + channel]!;
    }
  }
  const pixels = (right - left) * (bottom - top);
  return sums.map((sum) => Math.round(sum / pixels));
}

const maxIterations = 200;

function escapeTime(re: number, im: number): number {
  let [x, y] = [0, 0];
  let iteration = 0;
  while (x * x + y * y <= 4 && iteration < maxIterations) {
    [x, y] = [x * x - y * y + re, 2 * x * y + im];
    iteration += 1;
  }
  return iteration;
}
