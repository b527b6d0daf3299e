import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { applyMutant } from '../../reliability/mutants/mutant.ts';
import { mutants } from '../../reliability/mutants/mutants.ts';

const root = new URL('../../', import.meta.url);

describe('mutants', () => {
  it.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
    '“%s” can be applied',
    async (_, mutant) => {
      const source = await readFile(new URL(mutant.file, root), 'utf8');

      expect(applyMutant(source, mutant)).not.toBe(source);
    }
  );

  it('name tests that exist', () => {
    const named = mutants.flatMap(({ tests }) => tests);

    expect(named.filter((path) => !existsSync(new URL(path, root)))).toEqual([]);
  });

  it('have names of their own', () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });
});
