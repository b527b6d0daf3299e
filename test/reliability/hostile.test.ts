import { expect, it } from 'vitest';
import { hostileRun } from '../../reliability/hostile/hostileRun.ts';

/** A machine that is busy may take its time; what hangs still ends the test. */
const patientMs = 15_000;

it('each of 400 hostile inputs is taken as it is, or refused by name with nothing written', async () => {
  const report = await hostileRun({ amount: 400, seed: 1 }, patientMs);

  expect(report.violations).toEqual([]);
  // Neither answer is the only one.
  expect(report.accepted).toBeGreaterThan(20);
  expect(report.refused.get('ERR_VALIDATION')).toBeGreaterThan(100);
  expect(report.refused.get('lines of a file')).toBeGreaterThan(20);
});

it('the same seed draws the same inputs', async () => {
  const [first, second] = [
    await hostileRun({ amount: 60, seed: 9 }, patientMs),
    await hostileRun({ amount: 60, seed: 9 }, patientMs)
  ];

  expect([...second.refused]).toEqual([...first.refused]);
  expect(second.accepted).toBe(first.accepted);
});
