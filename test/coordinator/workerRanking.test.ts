import { describe, expect, it } from 'vitest';
import { maxWorkers, WorkerRanking } from '../../src/coordinator/workerRanking.ts';

describe('a ranking of workers', () => {
  it('is bounded and never counts too much, whatever number of workers comes and goes', () => {
    const ranking = new WorkerRanking();
    for (let round = 0; round < 10_000; round++) {
      ranking.add(`short-lived-${round}`);
      if (round % 2 === 0) ranking.add('steady');
      if (round % 100 === 0) ranking.add('slow');
    }
    const top = ranking.top(maxWorkers);

    expect(top.length).toBeLessThanOrEqual(maxWorkers);
    expect(top.slice(0, 2)).toEqual([
      { workerId: 'steady', count: 5_000 },
      { workerId: 'slow', count: 100 }
    ]);
    expect(top.slice(2).every(({ count }) => count === 1)).toBe(true);
    expect(top.some(({ workerId }) => workerId === 'short-lived-9999')).toBe(true);
  });

  it('is exact up to its bound', () => {
    const ranking = new WorkerRanking();
    for (let round = 0; round < 3; round++) {
      for (let worker = 0; worker < maxWorkers; worker++) ranking.add(`w${worker}`);
    }
    expect(ranking.top(maxWorkers)).toHaveLength(maxWorkers);
    expect(ranking.top(maxWorkers).every(({ count }) => count === 3)).toBe(true);
  });
});
