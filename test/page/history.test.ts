import { describe, expect, it } from 'vitest';
import { FrameHistory, historyLength } from '../../src/page/history.ts';
import { busyFrame, frameStart, frameWith } from './frames.ts';

describe('the history of frames', () => {
  it('has a point a second, with rates per second, from ten frames a second', () => {
    const history = new FrameHistory();
    for (let number = 0; number <= 30; number++) history.add(busyFrame(number));
    const { at, transitions, completed } = history.series;
    expect(at).toEqual([1, 2, 3].map((second) => frameStart / 1_000 + second));
    expect(transitions).toEqual([1_000, 1_000, 1_000]);
    expect(completed).toEqual([250, 250, 250]);
    expect(history.rates).toEqual({ transitions: 1_000, completed: 250 });
  });

  it('keeps five minutes, however long the page is open', () => {
    const history = new FrameHistory();
    for (let number = 0; number <= 10_000; number++) history.add(busyFrame(number));
    const { series } = history;
    const columns: readonly (readonly unknown[])[] = Object.values(series);
    expect(columns.map((column) => column.length)).toEqual(columns.map(() => historyLength));
    expect(series.at.at(-1)).toBe(frameStart / 1_000 + 1_000);
  });

  it('leaves a hole where a fleet began anew or none was heard of', () => {
    const history = new FrameHistory();
    for (const [seconds, transitions] of [
      [0, 100],
      [1, 200],
      [2, 0],
      [3, 50],
      [60, 90],
      [61, 100]
    ] as const) {
      history.add(frameWith({ at: frameStart + seconds * 1_000, transitions }));
    }
    expect(history.series.transitions).toEqual([100, null, 50, null, 10]);
  });

  it('begins anew when the clock was set back: times of a plot rise', () => {
    const history = new FrameHistory();
    for (const seconds of [0, 1, 2, -10, -9, -8])
      history.add(frameWith({ at: frameStart + seconds * 1_000 }));
    expect(history.series.at).toEqual([-10, -9, -8].map((seconds) => frameStart / 1_000 + seconds));
  });
});
