/** Where a fleet keeps its ledger. */
export type Ledger = 'memory' | 'SQLite' | 'PostgreSQL';

/** A fleet as it may be set up. */
export interface Kind {
  readonly ledger: Ledger;
  /** Whether its handlers run in worker processes, through BullMQ. */
  readonly isRemote: boolean;
}

export const kinds: readonly Kind[] = [
  { ledger: 'memory', isRemote: false },
  { ledger: 'SQLite', isRemote: false },
  { ledger: 'PostgreSQL', isRemote: false },
  { ledger: 'SQLite', isRemote: true },
  { ledger: 'PostgreSQL', isRemote: true }
];

export function nameOf({ ledger, isRemote }: Kind): string {
  return isRemote ? `BullMQ, ${ledger}` : ledger;
}
