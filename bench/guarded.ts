import type { CaseName } from './cases/index.ts';

/** A case that may not become slower, and what its cost is measured by. */
export interface Guarded {
  readonly name: CaseName;
  readonly against: readonly CaseName[];
}

/** They change with the machine and with Node, and not with the fleet. */
export const yardsticks = [
  'a plain loop',
  'p-queue, 100 at once',
  'raw SQLite, 100 rows per commit'
] as const satisfies readonly CaseName[];

const inMemory = ['a plain loop', 'p-queue, 100 at once'] as const;

export const guarded: readonly Guarded[] = [
  { name: 'memory, 100 workers', against: inMemory },
  { name: 'memory, 10 workers', against: inMemory },
  { name: 'SQLite, 100 workers', against: ['a plain loop', 'raw SQLite, 100 rows per commit'] }
];
