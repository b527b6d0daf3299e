import { afterAll, describe, expect, it } from 'vitest';
import type { EdgeTest } from 'xstate-fleet/testing';
import { models } from './models.ts';
import { copyOfMachine, mutantsOf, type Mutant } from './mutants.ts';

describe.each(models)('the tests of the $name machine', ({ name, machine, tests }) => {
  const mutants = mutantsOf(machine);

  it('notice every transition that is missing, unguarded or leads elsewhere', () => {
    const known = tests();
    const survivors = mutants.filter((mutant) => !isNoticed(mutant, known)).map(({ title }) => title);

    expect(survivors).toEqual([]);
  });

  it('pass on a copy of it, so that what they notice in a mutant is its change', () => {
    const copy = copyOfMachine(machine);
    for (const test of tests()) expect(() => test.run({ machine: copy })).not.toThrow();
  });

  afterAll(() => {
    process.stdout.write(`${name} ${mutants.length} mutants\n`);
  });
});

function isNoticed({ edge, make }: Mutant, tests: readonly EdgeTest[]): boolean {
  const machine = make();
  // Those of the changed edge first: they are the likeliest to fail.
  const ordered = tests.toSorted(
    (left, right) => Number(right.edge.id === edge.id) - Number(left.edge.id === edge.id)
  );
  return ordered.some((test) => {
    try {
      test.run({ machine, as: 'stepped' });
      return false;
    } catch {
      return true;
    }
  });
}
