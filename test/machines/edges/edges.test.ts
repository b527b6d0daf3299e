import { afterAll, describe, expect, it } from 'vitest';
import { assertCovered, coverageOf } from 'xstate-fleet/testing';
import { models } from './models.ts';

describe.each(models)('every edge of the $name machine', ({ machine, tests, findings }) => {
  it.each(tests().map((test) => [test.title, test] as const))('%s', (_, test) => {
    expect(() => test.run()).not.toThrow();
  });

  it('is covered, and so is every state', () => {
    assertCovered(machine);
  });

  it('belongs to a chart that ends or rests, has no dead part, and loses no event that it has to answer', () => {
    expect(findings().map(({ message }) => message)).toEqual([]);
  });

  afterAll(() => {
    process.stdout.write(`${coverageOf(machine).line()}\n`);
  });
});
