import { expect, test } from 'vitest';
import { isKept, runChaos, type ChaosReport } from '../../reliability/chaos/chaos.ts';
import { faults, type Fault } from '../../reliability/chaos/faults.ts';

/** One round of endings and a little: every crash point, signals, locks and poison. */
const cycles = 50;

test('nothing is lost when processes are killed at every crash point, stopped, frozen and poisoned', async () => {
  const report = await runChaos({ cycles, seed: 1 });
  expect(report.stories).toEqual([]);
  expect(isKept(report)).toBe(true);
  expect(report.counts.tried).toBeGreaterThan(cycles);
  expect([...report.hits].filter(([, hits]) => hits === 0)).toEqual([]);
}, 180_000);

/** Where each fault has to show. */
const signs: Readonly<Record<Fault, (report: ChaosReport) => number>> = {
  'early acknowledgement': ({ counts }) => counts.lost,
  'dropped commit': ({ counts }) => counts.lost,
  'double start': ({ counts }) => counts.duplicated,
  'raised limit': ({ counts }) => counts.overLimit,
  'unhandled rejection': ({ counts }) => counts.unhandled,
  'leaked timer': ({ counts }) => counts.leaked
};

// At once: what is broken mostly waits until patience is at its end.
test.concurrent.each(faults)(
  'a planted fault is seen, and told with what led to it: %s',
  async (fault) => {
    const report = await runChaos({ cycles: 4, seed: 1, fault, patienceMs: 4_000 });
    expect(isKept(report)).toBe(false);
    expect(signs[fault](report)).toBeGreaterThan(0);
    expect(report.stories[0]).toContain('"type":"asked"');
  },
  180_000
);
